package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
)

// resolved is what a command line gives in a folder whose larder.yaml has text.
func resolved(t *testing.T, text string, args ...string) (settings, error) {
	t.Helper()
	dir := t.TempDir()
	if text != "" {
		if err := os.WriteFile(filepath.Join(dir, settingsFile), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	s := defaultSettings()
	cmd := &cobra.Command{Use: "serve"}
	resolve := bindSettings(cmd, &s)
	if err := cmd.ParseFlags(args); err != nil {
		t.Fatal(err)
	}
	if _, err := resolve(); err != nil {
		return s, err
	}
	return s, s.validate()
}

func TestAFlagGoesBeforeTheVariableBeforeTheFile(t *testing.T) {
	for _, name := range []string{"LARDER_DATA", "LARDER_MAX_ROWS", "LARDER_TIMEOUT", "LARDER_PPROF"} {
		t.Setenv(name, "") // so that it is put back
		os.Unsetenv(name)
	}
	const file = "data: from-file\nmax_rows: 10\ntimeout: 3s\npprof: true\ncache_bytes: -1\n"
	f := func(data string, rows int, timeout time.Duration, args ...string) {
		t.Helper()
		s, err := resolved(t, file, args...)
		if err != nil {
			t.Fatal(err)
		}
		if s.Data != data || s.MaxRows != rows || s.Timeout != timeout || !s.Pprof || s.CacheBytes != -1 || s.LogLevel != "info" {
			t.Errorf("%v: %+v; want %s, %d, %s", args, s, data, rows, timeout)
		}
	}
	f("from-file", 10, 3*time.Second)
	t.Setenv("LARDER_MAX_ROWS", "20")
	f("from-file", 20, 3*time.Second)
	f("from-flag", 30, 3*time.Second, "--max-rows", "30", "--data", "from-flag")
}

func TestSettingsThatAreRefused(t *testing.T) {
	f := func(want, file string, args ...string) {
		t.Helper()
		if _, err := resolved(t, file, args...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q %v: %v; want %q", file, args, err, want)
		}
	}
	f(`no setting "max_row"; did you mean "max_rows"?`, "max_row: 3\n")
	f(`max_rows in the settings file is "many"; it must be an integer`, "max_rows: many\n")
	f("--max-rows is -5; it can be 1 to 1000000", "", "--max-rows", "-5")
	f("--max-in-flight is 0; it can be 1 to 1048576", "", "--max-in-flight", "0")
	f("--max-message-bytes is 3; it can be 65536 to 1073741824", "max_message_bytes: 3\n")
	f("--timeout is 0s; it can be 1ms to 24h", "", "--timeout", "0")
	f(`--log-format is "xml"; it can be text or json`, "", "--log-format", "xml")
	f("--tls-cert and --tls-key go together", "", "--tls-cert", "a.pem")
	f("no such file", "", "--config", "gone.yaml")
	f("settings in larder.yaml", ": [")
	t.Setenv("LARDER_CACHE_BYTES", "1GB")
	f(`LARDER_CACHE_BYTES is "1GB"; it must be an integer`, "")
}
