package scoring

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"larder/internal/wholefile"
	"larder/schema"
)

// A Journal remembers which models must not be loaded into the server's process, or
// not run at all. It finds them when the server starts after a crash in C: Go's runtime
// has then written why to a file, and the counters of runs, which lie in a mapped file,
// show which models were being scored. A server that is killed leaves no such report,
// and its models are not suspected. Safe for concurrent use.
type Journal struct {
	folder   string // "" keeps everything in memory, in tests and worker processes
	counters []slot

	mu      sync.Mutex
	used    int
	records map[string]record // by modelID
}

// A slot counts the runs of one model.
type slot struct {
	runs atomic.Int64
	id   [slotBytes - 8]byte
}

const (
	slotBytes = 256
	slots     = 1024 // models beyond that are not counted
)

// A record says what a person should know about a version before it is loaded again.
type record struct {
	Reason  string    `json:"reason"`
	Since   time.Time `json:"since"`
	Refused bool      `json:"refused"`         // it is not run at all; else: only in a process of its own
	Facts   *facts    `json:"facts,omitempty"` // of a refused one
}

// The files of a journal.
const (
	runningFile    = "running"
	crashFile      = "crash.txt"
	lastCrashFile  = "crash-last.txt"
	quarantineFile = "quarantine.json"
)

func noJournal() *Journal { return &Journal{records: map[string]record{}} }

// OpenJournal opens the journal in a folder, which belongs to this process alone. It
// makes Go's runtime report a crash there.
func OpenJournal(folder string, logger *slog.Logger) (*Journal, error) {
	j := noJournal()
	j.folder = folder
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of the models' journal: %w", err)
	}
	if err := j.read(); err != nil {
		return nil, err
	}
	if err := j.followRuns(logger); err != nil {
		// A full disk, perhaps: features are served and models scored all the same.
		logger.Error("a crash of the server will not show which models were being scored", "err", err)
		j.counters = nil
	}
	return j, nil
}

// followRuns prepares to know, after a crash, which models were being scored, and learns
// it from the last one.
func (j *Journal) followRuns(logger *slog.Logger) error {
	if err := j.mapCounters(); err != nil {
		return fmt.Errorf("map %s: %w", filepath.Join(j.folder, runningFile), err)
	}
	if err := j.learnCrash(logger); err != nil {
		return err
	}
	for i := range j.counters {
		j.counters[i].runs.Store(0)
		j.counters[i].id = [slotBytes - 8]byte{}
	}
	return j.reportCrashes()
}

// read reads the records. A damaged file is an error: it may name a model that ends the
// server.
func (j *Journal) read() error {
	path := filepath.Join(j.folder, quarantineFile)
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = json.Unmarshal(b, &j.records)
	}
	if err != nil {
		return fmt.Errorf("read which models are quarantined: %w; repair %s, or remove it if every model may be loaded", err, path)
	}
	return nil
}

func (j *Journal) mapCounters() error {
	f, err := os.OpenFile(filepath.Join(j.folder, runningFile), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // the mapping stays
	info, err := f.Stat()
	if err != nil {
		return err
	}
	// All of it is on the disk before it is mapped: the system ends a process that writes
	// to a mapped page for which there is no room.
	if missing := slots*slotBytes - info.Size(); missing > 0 {
		if _, err := f.WriteAt(make([]byte, missing), info.Size()); err != nil {
			return err
		}
	}
	b, err := syscall.Mmap(int(f.Fd()), 0, slots*slotBytes, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		return err
	}
	j.counters = unsafe.Slice((*slot)(unsafe.Pointer(&b[0])), slots)
	return nil
}

// nativeCrash matches the report of a signal that C code caused. A signal that somebody
// sent has the code 0.
var (
	nativeCrash = regexp.MustCompile(`(?m)^(?:fatal error: unexpected signal|SIG(?:SEGV|ABRT|FPE|BUS|ILL|TRAP): )`)
	sentSignal  = regexp.MustCompile(`(?m)^PC=.*sigcode=0(?:\s|$)`)
	crashLine   = regexp.MustCompile(`(?m)SIG[A-Z]+: [a-z -]+`)
)

// learnCrash reads the report of a crash, and records the models that were being
// scored.
func (j *Journal) learnCrash(logger *slog.Logger) error {
	path := filepath.Join(j.folder, crashFile)
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(b) == 0 {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the report of a crash: %w", err)
	}
	at := time.Now().UTC()
	if info, err := os.Stat(path); err == nil {
		at = info.ModTime().UTC()
	}
	report, kept := string(b), filepath.Join(j.folder, lastCrashFile)
	logger.Error("the server crashed in its last life", "at", at, "cause", firstLine(report), "report", kept)
	if nativeCrash.MatchString(report) && !sentSignal.MatchString(report) {
		for i := range j.counters {
			id := strings.TrimRight(string(j.counters[i].id[:]), "\x00")
			if id == "" || j.counters[i].runs.Load() == 0 {
				continue
			}
			reason := fmt.Sprintf("it was being scored when the server crashed at %s (%s)", at.Format(time.DateTime), crashLine.FindString(report))
			logger.Error("a model was being scored during the crash, and runs in a process of its own from now on", "model", id)
			j.records[id] = record{Reason: reason, Since: at}
		}
		if err := j.save(); err != nil {
			return err
		}
	}
	if err := os.Rename(path, kept); err != nil {
		return fmt.Errorf("keep the report of a crash: %w", err)
	}
	return nil
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

// reportCrashes makes Go's runtime write the reason of a crash to a file.
func (j *Journal) reportCrashes() error {
	f, err := os.OpenFile(filepath.Join(j.folder, crashFile), os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err == nil {
		err = debug.SetCrashOutput(f, debug.CrashOptions{})
		_ = f.Close() // the runtime has its own
	}
	if err != nil {
		return fmt.Errorf("prepare the report of a crash: %w", err)
	}
	return nil
}

// counter returns the counter of a model's runs.
func (j *Journal) counter(id string) *atomic.Int64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	for i := range j.used {
		if strings.TrimRight(string(j.counters[i].id[:]), "\x00") == id {
			return &j.counters[i].runs
		}
	}
	if j.used == len(j.counters) || len(id) > slotBytes-8 {
		return new(atomic.Int64)
	}
	s := &j.counters[j.used]
	copy(s.id[:], id)
	j.used++
	return &s.runs
}

// crashed says why a version must not run in the server's process; "" when it may.
func (j *Journal) crashed(id string) string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.records[id].Reason
}

// refused returns the record of a version that must not be run at all.
func (j *Journal) refused(id string) (record, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	r := j.records[id]
	return r, r.Refused
}

// quarantine records that a version must not be run.
func (j *Journal) quarantine(id, reason string, f facts) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.records[id] = record{Reason: reason, Since: time.Now().UTC(), Refused: true, Facts: &f}
	return j.save()
}

// release forgets what was recorded about a version.
func (j *Journal) release(id string) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if _, known := j.records[id]; !known {
		return schema.NotQuarantined.Errorf("the version is not quarantined on this server, so there is nothing to release")
	}
	delete(j.records, id)
	return j.save()
}

// save writes the records. The caller holds the lock.
func (j *Journal) save() error {
	if j.folder == "" {
		return nil
	}
	b, err := json.MarshalIndent(j.records, "", "  ")
	if err == nil {
		err = wholefile.Write(filepath.Join(j.folder, quarantineFile), append(b, '\n'), 0o600)
	}
	if err != nil {
		return fmt.Errorf("record which models are quarantined: %w", err)
	}
	return nil
}
