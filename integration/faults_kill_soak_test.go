//go:build soak && linux

package integration_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	larderv1 "larder/api/larder/v1"
	"larder/internal/pgtest"
	"larder/internal/smalldisk"
)

const (
	killRounds = 300
	killUsers  = 5_000
	killBatch  = 200       // users whose amount changes at once
	killStep   = 1_000_000 // an amount is version*killStep + user
	writeEvery = 50 * time.Millisecond
	checkEvery = 20 // rounds
)

// A killLoop kills a server again and again while its disk, its clock and its Postgres
// fail, and checks what is left.
type killLoop struct {
	*server
	random   *rand.Rand
	cluster  brokenPostgres
	disk     *smalldisk.Disk
	writing  *pgx.Conn
	versions []int64 // the version of each user that was committed last
	counts   map[string]int
}

// A brokenPostgres is one that a test can stop.
type brokenPostgres interface {
	Freeze() error
	Thaw() error
	Kill() error
	Restart(ctx context.Context) error
	DSN() string
}

// TestSoakKills: after 300 kills at random moments, with full disks, moved clocks and a
// stopped Postgres among them, every row that was committed is served, and no other.
func TestSoakKills(t *testing.T) {
	cluster := pgtest.Cluster(t)
	dir := spend(t, cluster.DSN(), 1) // for its definitions
	disk := smalldisk.New(t, 512<<20)
	conn, err := pgx.Connect(t.Context(), cluster.DSN())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	_, err = conn.Exec(t.Context(), fmt.Sprintf(`DROP TABLE spend; CREATE TABLE public.spend (user_id bigint, event_time timestamptz, loaded_at timestamptz, amount float8);
		CREATE INDEX ON public.spend (event_time); CREATE INDEX ON public.spend (loaded_at); CREATE INDEX ON public.spend (user_id, event_time);
		INSERT INTO public.spend SELECT i, now(), now(), i FROM generate_series(1, %d) AS i`, killUsers))
	if err != nil {
		t.Fatal(err)
	}
	const definitions = `
entities: [{name: user, join_keys: [{name: user_id, type: int64}]}]
sources: [{name: spend, table: public.spend, timestamp_field: event_time, created_timestamp_column: loaded_at}]
feature_views: [{name: spend, entities: [user], source: spend, schedule: 1s, features: [{name: amount, type: float64}]}]
feature_services: [{name: spend, features: ["spend:*"]}]
`
	if err := os.WriteFile(filepath.Join(dir, "definitions.yaml"), []byte(definitions), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"--postgres", cluster.DSN(), "--source-postgres", pgtest.Sources(t, cluster.DSN()), "--min-free-bytes", fmt.Sprint(64 << 20), "--feature-log", filepath.Join(disk.Dir, "log"), "--ready-when", "catalog"}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	k := &killLoop{
		server: startServerIn(t, filepath.Join(disk.Dir, "data"), args...), random: rand.New(rand.NewPCG(seed, 1)), cluster: cluster, disk: disk, writing: conn,
		versions: make([]int64, killUsers+1), counts: map[string]int{},
	}
	k.binary = movedClock(t)
	k.apply(dir)
	k.kill()
	for round := range killRounds {
		k.round()
		if round%checkEvery == checkEvery-1 {
			k.check()
			t.Logf("after %d kills: %v", round+1, k.counts)
		}
		if t.Failed() {
			break
		}
	}
}

// round starts the server, possibly with a wrong clock, lets something fail, and kills it.
func (k *killLoop) round() {
	k.t.Helper()
	k.env = nil
	if k.random.IntN(4) == 0 {
		k.env = []string{fmt.Sprintf("LARDER_TEST_CLOCK=%d", k.random.IntN(14_401)-7_200)}
		k.counts["clock moved"]++
	}
	fault := []string{"nothing", "nothing", "disk full at the start", "disk full", "disk full", "postgres stopped", "postgres stopped", "postgres crashed"}[k.random.IntN(8)]
	k.counts[fault]++
	if fault == "disk full at the start" {
		k.disk.Fill()
	}
	k.mu.Lock()
	k.log.Reset()
	k.mu.Unlock()
	err := k.tryStart()
	if err != nil && fault == "disk full at the start" && strings.Contains(k.logText()+k.lastWords(), "free") {
		k.counts["start refused: the disk is full"]++
	} else if err != nil {
		k.t.Fatalf("the server does not start after %q: %v\n%s", fault, err, k.logText())
	} else {
		k.fail(fault)
	}
	if err == nil {
		k.mustLive(fault)
	}
	k.kill()
	k.heal(fault)
}

// mustLive fails the test if the server has ended. Only the system may end it: when
// somebody takes the last byte of the disk while Badger writes a table, which it does
// through mapped memory.
func (k *killLoop) mustLive(fault string) {
	k.t.Helper()
	select {
	case <-k.exited:
	default:
		return
	}
	if fault == "disk full" && strings.Contains(k.logText(), "SIGBUS") {
		k.counts["ended by the system: the disk was full while a table was written"]++
		return
	}
	k.t.Errorf("the server ended by itself (%s): %s\n%.3000s", fault, k.cmd.ProcessState, k.logText())
}

// fail makes something fail while rows are written and read, until it is time to kill.
func (k *killLoop) fail(fault string) {
	k.t.Helper()
	life := time.Duration(50+k.random.IntN(1500)) * time.Millisecond
	end := time.Now().Add(life)
	when := time.Now().Add(time.Duration(k.random.Int64N(int64(life))))
	happened := false
	var wrote time.Time
	for time.Now().Before(end) {
		if !happened && time.Now().After(when) {
			happened = true
			switch fault {
			case "disk full":
				k.disk.Fill()
			case "postgres stopped":
				if err := k.cluster.Freeze(); err != nil {
					k.t.Fatal(err)
				}
			case "postgres crashed":
				if err := k.cluster.Kill(); err != nil {
					k.t.Fatal(err)
				}
			}
		}
		if fault != "postgres stopped" && fault != "postgres crashed" || !happened {
			if time.Since(wrote) > writeEvery {
				k.write()
				wrote = time.Now()
			}
		}
		k.read(1 + k.random.Int64N(killUsers))
	}
}

// write commits a new version of some users.
func (k *killLoop) write() {
	k.t.Helper()
	first := 1 + k.random.IntN(killUsers-killBatch)
	version := k.versions[first] + 1
	for _, v := range k.versions[first : first+killBatch] {
		version = max(version, v+1)
	}
	_, err := k.writing.Exec(context.Background(), fmt.Sprintf(`INSERT INTO public.spend SELECT i, clock_timestamp(), clock_timestamp(), %d::float8 * %d + i FROM generate_series(%d, %d) AS i`,
		version, killStep, first, first+killBatch-1))
	if err != nil {
		k.t.Fatalf("write to Postgres: %v", err)
	}
	for i := first; i < first+killBatch; i++ {
		k.versions[i] = version
	}
	k.counts["rows written"] += killBatch
}

// read checks that a served amount was written once, for this user. A server that was
// killed or that has lost its disk may not answer.
func (k *killLoop) read(user int64) {
	k.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	got, status, err := k.amount(ctx, user)
	if err != nil {
		k.counts["requests not answered"]++
		return
	}
	k.counts["requests answered"]++
	if status != larderv1.Status_STATUS_PRESENT {
		return
	}
	if version, of := int64(got)/killStep, int64(got)%killStep; of != user || version > k.versions[user] {
		k.t.Errorf("user %d is served %v; version %d was written last", user, got, k.versions[user])
	}
}

// heal ends a fault.
func (k *killLoop) heal(fault string) {
	k.t.Helper()
	var err error
	switch fault {
	case "disk full", "disk full at the start":
		k.disk.Empty()
	case "postgres stopped":
		err = k.cluster.Thaw()
	case "postgres crashed":
		_ = k.writing.Close(context.Background()) // it is dead
		if err = k.cluster.Restart(context.Background()); err == nil {
			k.writing, err = pgx.Connect(context.Background(), k.cluster.DSN())
		}
	}
	if err != nil {
		k.t.Fatal(err)
	}
}

// check starts a server with everything in order, lets it catch up, and compares every
// user. Then it kills it, too.
func (k *killLoop) check() {
	k.t.Helper()
	k.env = nil
	if err := k.tryStart(); err != nil {
		k.t.Fatalf("%v\n%s", err, k.logText())
	}
	eventually(k.t, "a run that succeeds", func() bool {
		runs, err := k.materialize(context.Background(), &larderv1.MaterializeRequest{})
		return err == nil && len(runs) == 1 && runs[0].GetState() == larderv1.Run_STATE_SUCCEEDED
	})
	users := make([]int64, killUsers)
	for i := range users {
		users[i] = int64(i + 1)
	}
	answer, err := k.serving.GetFeatures(context.Background(), &larderv1.GetFeaturesRequest{
		What:     &larderv1.GetFeaturesRequest_FeatureService{FeatureService: "spend"},
		Entities: []*larderv1.Column{int64Column("user_id", users...)},
	})
	if err != nil {
		k.t.Fatal(err)
	}
	wrong, amounts := 0, answer.GetFeatures()[0]
	for i, user := range users {
		got, want := amounts.GetDoubles().GetValues()[i], float64(k.versions[user]*killStep+user)
		if len(amounts.GetStatuses()) > 1 && amounts.GetStatuses()[i] != larderv1.Status_STATUS_PRESENT || got != want {
			if wrong++; wrong <= 3 {
				k.t.Errorf("user %d is served %v, want %v", user, got, want)
			}
		}
	}
	if wrong > 0 {
		k.t.Errorf("%d of %d users are wrong or lost", wrong, killUsers)
	}
	if stdout, stderr, code := k.client("verify", "--all"); code != 0 {
		k.t.Errorf("verify: exit code %d\n%s%s", code, stdout, stderr)
	}
	k.counts["checks of all rows"]++
	k.kill()
}

// lastWords runs a server that does not start once more, to see what it says to a person.
func (k *killLoop) lastWords() string {
	out, _ := exec.Command(k.binary, k.args...).CombinedOutput()
	return string(out)
}

// movedClock builds a larder whose clock is moved by LARDER_TEST_CLOCK seconds. Its
// monotonic clock is right, as a machine's is whose time was set wrong.
func movedClock(t *testing.T) string {
	t.Helper()
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	// An overlay must not replace files of the module cache, where the toolchain may lie.
	goroot := filepath.Join(dir, "go")
	if err := os.Symlink(strings.TrimSpace(string(root)), goroot); err != nil {
		t.Fatal(err)
	}
	original := filepath.Join(goroot, "src", "time", "time.go")
	source, err := os.ReadFile(original)
	if err != nil {
		t.Fatal(err)
	}
	const call = "sec, nsec, mono := runtimeNow()\n"
	at := strings.Index(string(source), "func Now() Time {\n\t"+call)
	if at < 0 {
		t.Fatalf("%s has changed; move the clock of its Now in another way", original)
	}
	moved := strings.Replace(string(source), "func Now() Time {\n\t"+call, "func Now() Time {\n\t"+call+"\tsec += testOffset\n", 1) + `
var testOffset = func() int64 {
	value, _ := syscall.Getenv("LARDER_TEST_CLOCK")
	negative := len(value) > 0 && value[0] == '-'
	if negative {
		value = value[1:]
	}
	n, err := atoi(value)
	if err != nil {
		return 0
	}
	if negative {
		n = -n
	}
	return int64(n)
}()
`
	moved = strings.Replace(moved, "import (\n", "import (\n\t\"syscall\"\n", 1)
	copied, overlay, binary := filepath.Join(dir, "time.go"), filepath.Join(dir, "overlay.json"), filepath.Join(dir, "larder")
	raw, err := json.Marshal(map[string]map[string]string{"Replace": {original: copied}})
	if err != nil {
		t.Fatal(err)
	}
	for path, content := range map[string]string{copied: moved, overlay: string(raw)} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	build := exec.Command(filepath.Join(goroot, "bin", "go"), "build", "-trimpath", "-overlay", overlay, "-o", binary, "larder/cmd/larder")
	build.Env = append(os.Environ(), "GOROOT="+goroot, "GOTOOLCHAIN=local")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	check := exec.Command(binary, "schema") // it starts
	check.Env = append(os.Environ(), "LARDER_TEST_CLOCK=-60")
	if err := check.Run(); err != nil {
		t.Fatal(err)
	}
	return binary
}
