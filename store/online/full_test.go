//go:build linux

package online_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"larder/internal/smalldisk"
	"larder/store"
	"larder/store/online"
)

// fullDir names the variable that makes the test binary a writer whose disk somebody else
// fills, and where.
const fullDir = "LARDER_TEST_FULL_DIR"

// fullAfter is how many rounds are written before the disk is full.
const fullAfter = 20

// writeUntilFull writes rounds of rows until that fails, and then reads one. It waits
// for a line on its input after some rounds, and before it goes on writing.
func writeUntilFull(dir string) {
	s, err := online.Open(dir, small)
	if err != nil {
		fmt.Println("open:", err)
		os.Exit(1)
	}
	in := bufio.NewReader(os.Stdin)
	wait := func() { _, _ = in.ReadString('\n') }
	rounds := int64(0)
	round := func() error {
		w := s.NewWriter(plainView, store.WriterOptions{})
		defer w.Close()
		return errors.Join(addRange(w, plainView, rounds*flushedRows, flushedRows, 1), w.Flush(ctx()))
	}
	for ; err == nil; rounds++ {
		if err = round(); err == nil {
			fmt.Println("round", rounds+1)
		}
		if rounds+1 == fullAfter {
			wait()
		}
	}
	fmt.Println("write:", err)
	fmt.Println("read:", s.Read(ctx(), keysOf(keyOf(plainView, 1)), 1, func(int, int64, []byte) error { return nil }))
	wait()
	fmt.Println("again:", round())
	fmt.Println("close:", s.Close())
	os.Exit(0)
}

// TestADiskThatSomebodyFills: no byte is left. Writes fail, reads go on, no flushed row is
// lost, and writes go on by themselves once there is room.
func TestADiskThatSomebodyFills(t *testing.T) {
	disk := smalldisk.New(t, 96<<20)
	if !disk.Mounted {
		return // TestALimitOnFiles takes this way
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), fullDir+"="+disk.Dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said := map[string]string{}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		what, rest, _ := strings.Cut(lines.Text(), " ")
		said[what] = rest
		switch {
		case what == "round" && rest == fmt.Sprint(fullAfter):
			disk.Fill()
			_, _ = io.WriteString(in, "\n")
		case what == "read:":
			disk.Empty()
			_, _ = io.WriteString(in, "\n")
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("the writer ended: %v\n%v", err, said)
	}
	if !strings.Contains(said["write:"], "free some space on the disk of "+disk.Dir) || said["read:"] != "<nil>" || said["again:"] != "<nil>" || said["close:"] != "<nil>" {
		t.Errorf("the writer says %v", said)
	}
	s := open(t, disk.Dir, small)
	defer closed(t, s)
	for id := range int64(fullAfter * flushedRows) {
		if got := read(t, s, keyOf(plainView, id)); len(got) != 1 {
			t.Fatalf("key %d is lost", id)
		}
	}
}
