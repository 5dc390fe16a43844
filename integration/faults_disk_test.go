//go:build linux

package integration_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	larderv1 "larder/api/larder/v1"
	"larder/internal/pgtest"
	"larder/internal/smalldisk"
)

// logged are definitions of a model whose requests are logged.
const logged = "models: [{name: spend, feature_service: spend, log: {rate: 1}, versions: [{version: 1, onnx: spend-1.onnx}]}]\n"

// figure is a metric of a server, with its labels as they are printed.
func (s *server) figure(name string) float64 {
	s.t.Helper()
	answer, err := http.Get("http://" + s.http + "/metrics")
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	raw, err := io.ReadAll(answer.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	found := regexp.MustCompile("(?m)^" + regexp.QuoteMeta(name) + " (.*)$").FindSubmatch(raw)
	if found == nil {
		s.t.Fatalf("no metric %s", name)
	}
	v, err := strconv.ParseFloat(string(found[1]), 64)
	if err != nil {
		s.t.Fatal(err)
	}
	return v
}

const (
	logFailing = `larder_feature_log_failing{to="files"}`
	logWritten = `larder_feature_log_rows_total`
)

func logDropped(s *server) float64 {
	return s.figure(`larder_feature_log_dropped_total{reason="write"}`) + s.figure(`larder_feature_log_dropped_total{reason="disk"}`)
}

// TestTheDiskOfTheFeatureLogIsFull when a file is opened, while one is written, and when
// the server starts and stops: requests are answered, and each row is written or counted.
func TestTheDiskOfTheFeatureLogIsFull(t *testing.T) {
	db := pgtest.New(t)
	m := newScored(t, db.DSN)
	disk := smalldisk.New(t, 4<<20)
	s := startServer(t, db.DSN, "--feature-log", filepath.Join(disk.Dir, "log"), "--min-free-bytes", "1048576")
	disk.Of(s.cmd.Process.Pid)
	m.write("definitions.yaml", m.base+logged)
	s.apply(m.dir)
	s.mustMaterialize()
	scored := 0.0
	score := func() {
		t.Helper()
		answer, err := s.serving.GetFeaturesAndScore(t.Context(), &larderv1.GetFeaturesAndScoreRequest{Model: "spend", Entities: []*larderv1.Column{int64Column("user_id", 1, 2, 3)}})
		if err != nil || answer.GetScores()[1] != m.score(1, 2) {
			t.Fatalf("%v %v", answer, err)
		}
		scored += 3
	}
	flush := func() { _, _ = s.control.FlushFeatureLog(t.Context(), &larderv1.FlushFeatureLogRequest{}) }
	score()
	disk.Fill() // perhaps while a file is open
	score()
	flush()
	score() // when one is opened
	eventually(t, "word of the rows that were lost", func() bool {
		flush()
		return s.figure(logFailing) == 1 && logDropped(s)+s.figure(logWritten) == scored
	})
	if code := s.terminate(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	s.start() // the disk is still full, by the floor or by itself
	disk.Of(s.cmd.Process.Pid)
	scored = 0
	score()
	flush()
	disk.Empty()
	eventually(t, "rows in the log again", func() bool {
		score()
		flush()
		return s.figure(logWritten) > 0 && s.figure(logFailing) == 0
	})
	if lost := logDropped(s); lost+s.figure(logWritten) != scored {
		t.Errorf("%v rows were scored, %v written and %v dropped", scored, s.figure(logWritten), lost)
	}
	if code := s.terminate(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// TestTheDiskOfTheDataFolderIsFull while definitions are applied and rows are read: runs
// fail and say why, requests are answered, and what was kept for a start without Postgres
// stays whole.
func TestTheDiskOfTheDataFolderIsFull(t *testing.T) {
	cluster := pgtest.Cluster(t)
	dir := spend(t, cluster.DSN(), 1000)
	disk := smalldisk.New(t, 128<<20)
	s := startServerIn(t, filepath.Join(disk.Dir, "data"), "--postgres", cluster.DSN(), "--source-postgres", pgtest.Sources(t, cluster.DSN()), "--min-free-bytes", fmt.Sprint(16<<20))
	disk.Of(s.cmd.Process.Pid)
	s.apply(dir)
	s.mustMaterialize()
	disk.Fill()
	if !disk.Mounted {
		return // a limit on the length of files stops the store; store/online tests that
	}
	runs, err := s.materialize(t.Context(), &larderv1.MaterializeRequest{Full: true})
	if err != nil || runs[0].GetState() != larderv1.Run_STATE_FAILED || !strings.Contains(runs[0].GetError(), "free some space on the disk of ") {
		t.Errorf("a run: %v %v", runs, err)
	}
	changed, err := os.ReadFile(filepath.Join(dir, "definitions.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	s.apply(definitionsFolder(t, string(changed)+"\n# the same\n"))
	s.apply(definitionsFolder(t, strings.Replace(string(changed), "features: [{name: amount", "ttl: 90d, features: [{name: amount", 1)))
	s.wantAmount(7)
	if !strings.Contains(s.logText(), "cannot keep the catalog for a start without postgres") {
		t.Error("nobody says that the new definitions could not be kept")
	}
	disk.Empty()
	s.kill()
	if err := cluster.Stop(); err != nil {
		t.Fatal(err)
	}
	s.start() // with the definitions that were kept before the disk was full
	s.wantAmount(8)
	if err := cluster.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the newest definitions", func() bool {
		st, err := s.control.GetStatus(t.Context(), &larderv1.GetStatusRequest{})
		return err == nil && st.GetCatalogVersion() == 2
	})
	s.mustMaterialize()
	s.wantAllAmounts(1000)
}
