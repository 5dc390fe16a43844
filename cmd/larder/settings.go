package main

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"larder/internal/grpcserver"
	"larder/internal/postgres"
	"larder/schema"
)

// settings are those of a server. Each field is a flag (--grpc-addr), a variable
// (LARDER_GRPC_ADDR) and a key of larder.yaml (grpc_addr); the first that is
// given counts.
type settings struct {
	Postgres        string        `flag:"postgres" help:"address of Postgres, as postgres://USER@HOST:PORT/DATABASE; without it the server serves what is in its data folder"`
	Dev             bool          `flag:"dev" help:"start a private Postgres in the data folder, to try Larder"`
	SourcePostgres  string        `flag:"source-postgres" help:"address with the login that the SQL of sources runs as, in the database of --postgres; empty: that of --postgres"`
	SourceRole      string        `flag:"source-role" help:"role that the SQL of sources has, by SET ROLE, or one for each project: risk=ROLE,core=ROLE,ROLE for all others; a query can undo a single role, so a login of few rights in --source-postgres is safer"`
	SourceSchemas   string        `flag:"source-schemas" help:"schemas that sources may read, with commas between them; empty: all but Larder's and Postgres's own"`
	StreamHosts     string        `flag:"stream-hosts" help:"hosts that brokers and schema registries of streams may be at, such as kafka.example.com:9092,*.brokers.example.com,10.0.0.0/8; empty: all but link-local addresses"`
	Data            string        `flag:"data" help:"folder of the rows and the last good catalog; for one server only"`
	Name            string        `flag:"name" help:"name of the server in the record of runs; defaults to host name and gRPC port"`
	GRPCAddr        string        `flag:"grpc-addr" help:"address to listen on for gRPC"`
	HTTPAddr        string        `flag:"http-addr" help:"address to listen on for HTTP: JSON, /metrics, /healthz, /readyz"`
	ControlAddr     string        `flag:"control-addr" help:"address to listen on for gRPC of the control plane, which --grpc-addr doesn't answer then: it has features, scores, events and health only; needs --control-http-addr"`
	ControlHTTPAddr string        `flag:"control-http-addr" help:"the same for HTTP: /metrics, profiles, and what changes anything; needs --control-addr"`
	HTTPHosts       string        `flag:"http-hosts" help:"names by which HTTP requests may call a server that asks for no credentials, beside addresses and local names, such as larder.example.com,features.example.com; *: every name"`
	ONNXRuntime     string        `flag:"onnxruntime" help:"path of libonnxruntime or its folder; by default the one that make setup installed"`
	Keys            bool          `flag:"keys" help:"callers must prove who they are, by an API key that larder keys create made or by another way that is set"`
	TokenFile       string        `flag:"token-file" help:"file with one token that may do everything, beside API keys; empty: no such token"`
	TLSClientCA     string        `flag:"tls-client-ca" help:"PEM file of the authorities whose client certificates prove who calls; empty: none"`
	OIDCIssuer      string        `flag:"oidc-issuer" help:"address of the OIDC provider whose tokens prove who calls, such as https://login.example.com/realms/main; empty: none"`
	OIDCAudience    string        `flag:"oidc-audience" help:"the audience that tokens must be for"`
	OIDCUser        string        `flag:"oidc-user-claim" help:"the claim with the name of a person or program, which bindings use"`
	OIDCGroups      string        `flag:"oidc-groups-claim" help:"the claim with the groups of a person or program, which bindings use"`
	OIDCClient      string        `flag:"oidc-client-id" help:"the client of the OIDC provider that larder login uses"`
	Insecure        bool          `flag:"insecure" help:"let everyone who can reach the server do everything, also from other machines"`
	TLSCert         string        `flag:"tls-cert" help:"PEM file of the server's certificate; empty: no TLS"`
	TLSKey          string        `flag:"tls-key" help:"PEM file of the certificate's key"`
	CacheBytes      int64         `flag:"cache-bytes" help:"memory of the row cache; 0: an eighth of the machine's memory, at least 256 MiB; negative: no cache"`
	MinFreeBytes    int64         `flag:"min-free-bytes" help:"disk to keep free: with less, rows and the feature log are not written and reads go on; 0: 640 MiB"`
	MaxRows         int           `flag:"max-rows" help:"most rows of one request"`
	MaxMessage      int           `flag:"max-message-bytes" help:"most bytes of one message"`
	MaxInFlight     int           `flag:"max-in-flight" help:"most requests at once; others are refused with RESOURCE_EXHAUSTED"`
	Timeout         time.Duration `flag:"timeout" help:"time limit of a request without a deadline"`
	DrainDelay      time.Duration `flag:"drain-delay" help:"how long to accept requests after SIGTERM, so that load balancers notice that the server is not ready"`
	DrainTimeout    time.Duration `flag:"drain-timeout" help:"how long to wait then for requests to finish"`
	FeastStatuses   bool          `flag:"feast-statuses" help:"answer clients of Feast as Feast does: PRESENT for nulls, and the values of rows that have expired"`
	FeatureLog      string        `flag:"feature-log" help:"folder for the vectors of models with log:, in Parquet files; empty: no files"`
	LogBytes        int64         `flag:"feature-log-bytes" help:"most disk for the feature log; when it is full, requests are not logged until files are moved away"`
	LogTable        bool          `flag:"feature-log-table" help:"also write the vectors of models with log: to the Postgres table larder.feature_log"`
	LogKeep         time.Duration `flag:"feature-log-keep" help:"how long the table keeps rows"`
	AuditKeep       time.Duration `flag:"audit-keep" help:"how long the audit trail keeps records"`
	ReadyWhen       string        `flag:"ready-when" help:"when /readyz says ready: filled (the rows of scheduled and once materialized views are there) or catalog (the definitions are)"`
	ReadyAfter      time.Duration `flag:"ready-after" help:"how long at most to wait for the rows before the server is ready"`
	SwitchAfter     time.Duration `flag:"switch-after" help:"how long at most definitions wait for the rows of changed views, while the version before serves"`
	WatchWindow     time.Duration `flag:"watch-window" help:"how long the windows are in which servers count what models are fed, for larder drift"`
	VerifyEvery     time.Duration `flag:"verify-every" help:"how often to compare a sample of every view with the source, as larder verify does; 0: never"`
	VerifySample    int           `flag:"verify-sample" help:"keys of each view in that sample"`
	MLflow          string        `flag:"mlflow-tracking-uri" help:"address of an MLflow server that models follow by alias; empty: none"`
	Repository      string        `flag:"model-repository" help:"folder of model files that become versions, in Triton's layout MODEL/VERSION/model.onnx; empty: none"`
	ModelPoll       time.Duration `flag:"model-poll" help:"how often to check MLflow and the model repository"`
	LogLevel        string        `flag:"log-level" help:"debug, info, warn or error"`
	LogFormat       string        `flag:"log-format" help:"text or json"`
	Pprof           bool          `flag:"pprof" help:"serve profiles at /debug/pprof on the HTTP port"`
}

// The values of --ready-when.
const (
	readyFilled  = "filled"
	readyCatalog = "catalog"
)

func defaultSettings() settings {
	return settings{
		Data: "larder-data", GRPCAddr: "127.0.0.1:6570", HTTPAddr: "127.0.0.1:6571",
		OIDCUser: "sub", OIDCGroups: "groups",
		ReadyWhen: readyFilled, ReadyAfter: 10 * time.Minute, SwitchAfter: time.Hour,
		MaxRows: 10_000, MaxMessage: 16 << 20, MaxInFlight: 1024, Timeout: time.Minute,
		DrainTimeout: 10 * time.Second, LogBytes: 10 << 30, LogKeep: 7 * 24 * time.Hour, AuditKeep: 400 * 24 * time.Hour, VerifySample: 1000, ModelPoll: 10 * time.Second, WatchWindow: 10 * time.Minute, LogLevel: "info", LogFormat: "text",
	}
}

// settingsFile is the file read when --config names no other.
const settingsFile = "larder.yaml"

// bindSettings gives a command the flags of all settings. The function that it
// returns fills in variables and the file, and says where each setting that isn't its
// default came from; call it when the command runs.
func bindSettings(cmd *cobra.Command, s *settings) (resolve func() (origins, error)) {
	flags := cmd.Flags()
	fields := reflect.ValueOf(s).Elem()
	var names []string
	for i := range fields.NumField() {
		tag := fields.Type().Field(i).Tag
		name, help := tag.Get("flag"), tag.Get("help")
		names = append(names, name)
		switch p := fields.Field(i).Addr().Interface().(type) {
		case *string:
			flags.StringVar(p, name, *p, help)
		case *bool:
			flags.BoolVar(p, name, *p, help)
		case *int:
			flags.IntVar(p, name, *p, help)
		case *int64:
			flags.Int64Var(p, name, *p, help)
		case *time.Duration:
			flags.DurationVar(p, name, *p, help)
		}
	}
	file := flags.String("config", "", "file of settings (default "+settingsFile+", if it exists)")
	return func() (origins, error) {
		given, err := readSettings(*file, names)
		if err != nil {
			return nil, err
		}
		return fillSettings(flags, names, given)
	}
}

// origins say where settings came from, by the names of their flags.
type origins map[string]string

// validate says all that no server could run with; the parts of the server check
// what is theirs.
func (s *settings) validate() error {
	var errs []error
	within := func(flag string, value, least, most int64) {
		if value < least || value > most {
			errs = append(errs, fmt.Errorf("--%s is %d; it can be %d to %d", flag, value, least, most))
		}
	}
	within("max-rows", int64(s.MaxRows), 1, 1_000_000)
	within("max-message-bytes", int64(s.MaxMessage), 64<<10, 1<<30)
	within("max-in-flight", int64(s.MaxInFlight), 1, 1<<20)
	within("verify-sample", int64(s.VerifySample), 1, 1_000_000)
	within("feature-log-bytes", s.LogBytes, 1<<20, math.MaxInt64)
	within("min-free-bytes", s.MinFreeBytes, 0, math.MaxInt64)
	for _, d := range []struct {
		flag  string
		value time.Duration
		least time.Duration
	}{{"timeout", s.Timeout, time.Millisecond}, {"drain-delay", s.DrainDelay, 0}, {"drain-timeout", s.DrainTimeout, 0}, {"verify-every", s.VerifyEvery, 0}, {"watch-window", s.WatchWindow, time.Second}, {"ready-after", s.ReadyAfter, 0}, {"switch-after", s.SwitchAfter, time.Millisecond}, {"model-poll", s.ModelPoll, 100 * time.Millisecond}} {
		if d.value < d.least || d.value > 24*time.Hour {
			errs = append(errs, fmt.Errorf("--%s is %s; it can be %s to 24h", d.flag, d.value, d.least))
		}
	}
	if s.AuditKeep < 24*time.Hour {
		errs = append(errs, fmt.Errorf("--audit-keep is %s; it can be 24h or more", s.AuditKeep))
	}
	if s.LogKeep < time.Minute {
		errs = append(errs, fmt.Errorf("--feature-log-keep is %s; it can be 1m or more", s.LogKeep))
	}
	if f := s.LogFormat; f != "text" && f != "json" {
		errs = append(errs, fmt.Errorf("--log-format is %q; it can be text or json", f))
	}
	if r := s.ReadyWhen; r != readyFilled && r != readyCatalog {
		errs = append(errs, fmt.Errorf("--ready-when is %q; it can be %s or %s", r, readyFilled, readyCatalog))
	}
	errs = append(errs, checkPostgres("postgres", s.Postgres), s.validateSources())
	if (s.TLSCert == "") != (s.TLSKey == "") {
		errs = append(errs, errors.New("--tls-cert and --tls-key go together; give both or neither"))
	}
	errs = append(errs, s.checkAccess())
	if _, err := grpcserver.ParseHosts(s.HTTPHosts); err != nil {
		errs = append(errs, fmt.Errorf("--http-hosts: %w", err))
	}
	return errors.Join(errs...)
}

// fillSettings sets what no flag set: from its variable, else from the file.
func fillSettings(flags *pflag.FlagSet, names []string, file map[string]string) (origins, error) {
	from := origins{}
	var errs []error
	for _, name := range names {
		if flags.Changed(name) {
			from[name] = "flag --" + name
			continue
		}
		variable := "LARDER_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
		value, found := os.LookupEnv(variable)
		what := variable
		from[name] = "variable " + variable
		if !found {
			value, found = file[name]
			what = strings.ReplaceAll(name, "-", "_") + " in the settings file"
			from[name] = "file"
		}
		if !found {
			delete(from, name)
			continue
		}
		if err := flags.Set(name, value); err != nil {
			errs = append(errs, fmt.Errorf("%s is %q; it %s", what, postgres.Mask(value), cause(err.Error())))
		}
	}
	return from, errors.Join(errs...)
}

// readSettings reads a file of settings, by the names of their flags.
func readSettings(path string, names []string) (map[string]string, error) {
	named := path != ""
	if !named {
		path = settingsFile
	}
	raw, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) && !named {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("settings: %w", err)
	}
	values := map[string]any{}
	if err := yaml.Unmarshal(raw, &values); err != nil {
		return nil, fmt.Errorf("settings in %s: %s", path, yaml.FormatError(err, false, false)) // without the lines around, which may have passwords
	}
	out := map[string]string{}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		name := strings.ReplaceAll(key, "_", "-")
		if !slices.Contains(names, name) {
			keys := make([]string, len(names))
			for i := range names {
				keys[i] = strings.ReplaceAll(names[i], "-", "_")
			}
			return nil, fmt.Errorf("settings in %s: no setting %q; %s", path, key, schema.Nearest(key, keys))
		}
		out[name] = fmt.Sprint(values[key])
	}
	return out, nil
}
