package worker

import (
	"bytes"
	"fmt"
	"os"
	"strconv"

	seccomp "github.com/elastic/go-seccomp-bpf"
	"github.com/elastic/go-seccomp-bpf/arch"
)

// forbidden are the system calls that would reach beyond the process: files, the
// network, programs, other processes, the system. Reading, writing, memory and threads
// remain, and so do the sockets that are open.
var forbidden = []string{
	"open", "openat", "openat2", "creat", "name_to_handle_at", "open_by_handle_at", "memfd_create", "memfd_secret",
	"truncate", "ftruncate", "fallocate", "link", "linkat", "unlink", "unlinkat", "symlink", "symlinkat", "rename", "renameat", "renameat2",
	"mkdir", "mkdirat", "rmdir", "mknod", "mknodat", "chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "fchown", "lchown", "fchownat",
	"setxattr", "lsetxattr", "fsetxattr", "removexattr", "lremovexattr", "fremovexattr", "utime", "utimes", "utimensat", "futimesat",
	"chdir", "fchdir", "chroot", "pivot_root", "mount", "umount", "umount2", "move_mount", "open_tree", "fsopen", "fsconfig", "fsmount", "fspick",
	"mount_setattr", "quotactl", "quotactl_fd", "swapon", "swapoff", "inotify_init", "inotify_init1", "fanotify_init",
	"socket", "socketpair", "connect", "bind", "listen", "accept", "accept4",
	"execve", "execveat", "fork", "vfork", "ptrace", "kill", "pidfd_open", "pidfd_getfd", "pidfd_send_signal", "process_vm_readv",
	"process_vm_writev", "process_madvise", "kcmp", "setns", "unshare", "setsid", "setpgid",
	"shmget", "shmat", "msgget", "semget", "mq_open", "mq_unlink",
	"bpf", "perf_event_open", "userfaultfd", "io_uring_setup", "io_uring_enter", "io_uring_register", "io_setup", "keyctl", "add_key",
	"request_key", "init_module", "finit_module", "delete_module", "kexec_load", "kexec_file_load", "reboot", "syslog", "acct",
	"settimeofday", "clock_settime", "clock_adjtime", "adjtimex", "sethostname", "setdomainname", "iopl", "ioperm", "personality", "lookup_dcookie",
	"setuid", "setgid", "setreuid", "setregid", "setresuid", "setresgid", "setgroups", "capset", "nfsservctl", "vhangup", "modify_ldt",
}

// filterCalls makes forbidden system calls fail in all threads of the process.
func filterCalls() error {
	known, err := arch.GetInfo("")
	if err != nil {
		return fmt.Errorf("look up the system calls of the processor: %w", err)
	}
	var names []string
	for _, name := range forbidden {
		if _, exists := known.SyscallNames[name]; exists {
			names = append(names, name)
		}
	}
	if !seccomp.Supported() {
		return nil // a kernel without filters; the limits hold all the same
	}
	err = seccomp.LoadFilter(seccomp.Filter{
		NoNewPrivs: true,
		Flag:       seccomp.FilterFlagTSync,
		Policy: seccomp.Policy{
			DefaultAction: seccomp.ActionAllow,
			Syscalls:      []seccomp.SyscallGroup{{Action: seccomp.ActionErrno, Names: names}},
		},
	})
	if err != nil {
		return fmt.Errorf("forbid system calls: %w", err)
	}
	return nil
}

// dataBytes returns what counts against RLIMIT_DATA now.
func dataBytes() (int64, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	for line := range bytes.Lines(status) {
		if value, found := bytes.CutPrefix(line, []byte("VmData:")); found {
			kib, err := strconv.ParseInt(string(bytes.TrimSuffix(bytes.TrimSpace(value), []byte(" kB"))), 10, 64)
			return kib << 10, err
		}
	}
	return 0, fmt.Errorf("/proc/self/status has no line VmData")
}
