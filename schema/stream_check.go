package schema

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// The limits on streams.
const (
	MaxStreamFields = 256
	MaxLinger       = Duration(10 * time.Second)
	MaxAheadLimit   = Duration(time.Hour)
	MaxPrefetch     = 65_535
	maxPathParts    = 16
	MaxSchemaBytes  = 1 << 20 // of the text of a format
)

var secretPattern = regexp.MustCompile(`^` + SecretPrefix + `[A-Z0-9_]{1,100}$`)

func (v *validator) stream(path string, s *Stream) {
	owner := fmt.Sprintf("stream %q", s.Name)
	v.streamSource(path, owner, s)
	v.streamFields(path+".fields", owner, s)
	v.streamFormat(path+".format", owner, s)
	v.streamLog(path+".log", owner, s)
	v.streamRoles(path, owner, s)
	switch {
	case s.MaxAhead != nil && *s.MaxAhead > MaxAheadLimit:
		v.addf(path+".max_ahead", "%s: max_ahead must be %s or shorter, not %s", owner, MaxAheadLimit, *s.MaxAhead)
	case s.Linger != nil && *s.Linger > MaxLinger:
		v.addf(path+".linger", "%s: linger must be %s or shorter, not %s", owner, MaxLinger, *s.Linger)
	}
	if s.OnDuplicate != "" && s.OnDuplicate != FirstWins && s.OnDuplicate != ReplaceWith {
		v.addf(path+".on_duplicate", "%s: on_duplicate must be first or replace, not %q", owner, s.OnDuplicate)
	}
	if s.OnDataLoss != "" && s.OnDataLoss != StopOnDataLoss && s.OnDataLoss != ContinueOnDataLoss {
		v.addf(path+".on_data_loss", "%s: on_data_loss must be stop or continue, not %q", owner, s.OnDataLoss)
	}
	if p := s.MaxBadShare; p != nil && !(*p >= 0 && *p <= 1) {
		v.addf(path+".max_bad_share", "max_bad_share must be a share from 0 to 1, not %v", *p)
	}
}

// streamRoles checks the fields that have a meaning: the id, the event time, deleted.
func (v *validator) streamRoles(path, owner string, s *Stream) {
	is := func(key, name, want string, fits func(Type) bool) {
		switch i := s.Field(name); {
		case name == "":
		case i < 0:
			v.addf(path+"."+key, "%s: %s names %q, which is no field; %s", owner, key, name, Nearest(name, namesOf(s.Fields, func(f StreamField) string { return f.Name })))
		case !fits(s.Fields[i].Type):
			v.addf(path+"."+key, "%s: %s %q is %s; it must be %s", owner, key, name, s.Fields[i].Type, want)
		case s.Fields[i].Nullable && key != "deleted_field":
			v.addf(path+"."+key, "%s: %s %q can't be nullable; remove nullable from the field", owner, key, name)
		}
	}
	if s.TimestampField == "" {
		v.addf(path+".timestamp_field", "%s has no timestamp_field; write timestamp_field: FIELD", owner)
	}
	is("timestamp_field", s.TimestampField, "timestamp", func(t Type) bool { return t == Timestamp })
	is("event_id", s.EventID, "a string, an integer or bytes", func(t Type) bool { return t == String || t.IsInteger() || t == Bytes })
	is("deleted_field", s.DeletedField, "bool", func(t Type) bool { return t == Bool })
	if s.EventID == "" {
		switch {
		case s.RabbitMQ != nil, s.PostgresCDC != nil:
			v.addf(path+".event_id", "%s has no event_id, and messages of this source have no position that could identify them; write event_id: FIELD", owner)
		case s.OnDuplicate == ReplaceWith:
			v.addf(path+".on_duplicate", "%s: on_duplicate: replace needs event_id: FIELD", owner)
		case s.DeletedField != "":
			v.addf(path+".deleted_field", "%s: deleted_field needs event_id: FIELD, which says which event is retracted", owner)
		}
	}
}

func (v *validator) streamFields(path, owner string, s *Stream) {
	if len(s.Fields) == 0 {
		v.addf(path, "%s has no field; write fields: [{name: amount, type: float64}]", owner)
	}
	if len(s.Fields) > MaxStreamFields {
		v.addf(path, "%s has %d fields; use at most %d", owner, len(s.Fields), MaxStreamFields)
	}
	seen := map[string]bool{}
	for i, f := range s.Fields {
		at := fmt.Sprintf("%s[%d]", path, i)
		v.name(at+".name", "field", f.Name)
		switch {
		case seen[f.Name]:
			v.addf(at+".name", "%s has two fields named %q; rename one", owner, f.Name)
		case strings.HasPrefix(f.Name, "larder_"):
			v.addf(at+".name", "%s: field %q can't begin with larder_, as Larder's own columns of the log do; rename it, with path: for where it is in a message", owner, f.Name)
		}
		seen[f.Name] = true
		if !f.Type.Valid() || f.Type.IsList() {
			v.addf(at+".type", "%s: field %q can't be %s; it must be %s", owner, f.Name, describeType(f.Type), OneOf(TypeNames()[:lastType]))
		}
		if parts := strings.Split(f.ValuePath(), "."); len(parts) > maxPathParts || slices.Contains(parts, "") {
			v.addf(at+".path", "%s: field %q: path must be names with dots between them, at most %d, not %q", owner, f.Name, maxPathParts, f.Path)
		}
		v.fieldTime(at, owner, &f)
	}
}

func (v *validator) fieldTime(at, owner string, f *StreamField) {
	known := []TimeFormat{TimeRFC3339, TimeEpochSecond, TimeEpochMilli, TimeEpochMicro, TimeEpochNano}
	switch {
	case f.Format != "" && f.Type != Timestamp:
		v.addf(at+".format", "%s: field %q is %s, and only timestamps have a format; remove it", owner, f.Name, describeType(f.Type))
	case f.Format != "" && !slices.Contains(known, f.Format):
		v.addf(at+".format", "%s: field %q: no format %q; use rfc3339, epoch_s, epoch_ms, epoch_us or epoch_ns", owner, f.Name, f.Format)
	case f.TimeZone != "" && f.Type != Timestamp:
		v.addf(at+".time_zone", "%s: field %q is %s, and only timestamps have a time zone; remove it", owner, f.Name, describeType(f.Type))
	case f.TimeZone != "" && !zoneExists(f.TimeZone):
		v.addf(at+".time_zone", "no time zone %q; write an IANA name such as Europe/Berlin, or UTC", f.TimeZone)
	}
}

func zoneExists(name string) bool {
	_, err := time.LoadLocation(name)
	return err == nil && name != "Local" && name != ""
}

func (v *validator) streamFormat(path, owner string, s *Stream) {
	f := s.Format
	if f == nil {
		return
	}
	switch {
	case f.Type != JSONFormat && f.Type != AvroFormat && f.Type != ProtobufFormat:
		v.addf(path+".type", "%s: no format %q; use json, avro or protobuf", owner, f.Type)
	case s.PostgresCDC != nil:
		v.addf(path, "%s: changes of a table have no format; remove format", owner)
	case f.Type == JSONFormat && (f.File != "" || f.Schema != "" || f.Message != ""):
		v.addf(path, "%s: json takes no schema; fields: says what is read", owner)
	case f.Type == AvroFormat && f.Registry == "" && f.Schema == "":
		v.addf(path, "%s: avro needs registry: URL, or file: NAME.avsc for messages without a registry's header", owner)
	case f.Type == ProtobufFormat && f.Registry == "" && f.Schema == "":
		v.addf(path, "%s: protobuf needs file: NAME.proto, or registry: URL", owner)
	case len(f.Schema) > MaxSchemaBytes:
		v.addf(path+".schema", "%s: the schema has %d bytes (limit %d)", owner, len(f.Schema), MaxSchemaBytes)
	case f.Message != "" && f.Type != ProtobufFormat:
		v.addf(path+".message", "%s: only protobuf has messages; remove message", owner)
	}
	if f.Registry != "" {
		v.sourceURL(path+".registry", owner, f.Registry, "http", "https")
	}
	v.secret(path+".password_env", owner, f.PasswordEnv)
}

func (v *validator) sourceURL(path, owner, text string, schemes ...string) {
	u, err := url.Parse(text)
	switch {
	case err != nil || !slices.Contains(schemes, u.Scheme) || u.Host == "":
		v.addf(path, "%s: %q is not a URL such as %s://HOST:PORT", owner, text, schemes[0])
	case u.User != nil:
		v.addf(path, "%s: the URL holds a user or a password; write user: and password_env:, which names a variable of the server", owner)
	}
}

// secret checks the name of a variable that holds a secret.
func (v *validator) secret(path, owner, name string) {
	if name != "" && !secretPattern.MatchString(name) {
		v.addf(path, "%s: %q must be the name of a variable of the server that begins with %s, as in %[3]sKAFKA; the server gives definitions no other", owner, name, SecretPrefix)
	}
}

func (v *validator) streamLog(path, owner string, s *Stream) {
	switch parts := strings.Split(s.Log.Table, "."); {
	case s.Log.Table == "":
		v.addf(path+".table", "%s has no table for its log; write log: {table: SCHEMA.TABLE, create: true}", owner)
	case len(parts) > 2 || slices.Contains(parts, "") || len(s.Log.Table) > 120:
		v.addf(path+".table", "%s: %q is not a table name; write TABLE or SCHEMA.TABLE", owner, s.Log.Table)
	case parts[0] == "larder" && len(parts) == 2:
		v.addf(path+".table", "%s: the schema larder is for Larder's own tables; use another", owner)
	}
	for i := range v.defs.Streams {
		if other := &v.defs.Streams[i]; other != s && plainTable(other.Log.Table) == plainTable(s.Log.Table) && s.Log.Table != "" && other.Name < s.Name {
			v.addf(path+".table", "%s and stream %q have one log table; give each its own", owner, other.Name)
		}
	}
	if s.Log.Retention != 0 && s.Log.Retention < Duration(day) {
		v.addf(path+".retention", "%s: retention must be 1d or longer, not %s", owner, s.Log.Retention)
	}
}

// streamSource checks where a stream's events come from.
func (v *validator) streamSource(path, owner string, s *Stream) {
	var has []string
	add := func(set bool, key string) {
		if set {
			has = append(has, key)
		}
	}
	add(s.Kafka != nil, "kafka")
	add(s.RabbitMQ != nil, "rabbitmq")
	add(s.NATS != nil, "nats")
	add(s.PostgresCDC != nil, "postgres_cdc")
	add(s.Push != nil, "push")
	switch {
	case len(has) == 0:
		v.addf(path, "%s has no source; write kafka:, rabbitmq:, nats:, postgres_cdc: or push: {}", owner)
	case len(has) > 1:
		v.addf(path+"."+has[1], "%s has several sources: %s; keep one", owner, strings.Join(has, ", "))
	}
	start := func(at string, x Start) {
		if x != "" && x != Earliest && x != Latest {
			v.addf(at+".start", "%s: start must be earliest or latest, not %q", owner, x)
		}
	}
	tls := func(at string, t *SourceTLS) {
		if t != nil {
			v.secret(at+".tls.key_env", owner, t.KeyEnv)
		}
	}
	required := func(at, key, value string) {
		if value == "" {
			v.addf(at, "%s: %s is missing", owner, key)
		}
	}
	if k := s.Kafka; k != nil {
		at := path + ".kafka"
		if len(k.Brokers) == 0 {
			v.addf(at+".brokers", `%s has no brokers; write brokers: ["HOST:9092"]`, owner)
		}
		required(at, "topic", k.Topic)
		start(at, k.Start)
		tls(at, k.TLS)
		if k.SASL != nil {
			if !slices.Contains([]string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"}, k.SASL.Mechanism) {
				v.addf(at+".sasl.mechanism", "%s: no mechanism %q; use PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512", owner, k.SASL.Mechanism)
			}
			required(at+".sasl", "user", k.SASL.User)
			required(at+".sasl", "password_env", k.SASL.PasswordEnv)
			v.secret(at+".sasl.password_env", owner, k.SASL.PasswordEnv)
		}
	}
	if r := s.RabbitMQ; r != nil {
		at := path + ".rabbitmq"
		v.sourceURL(at+".url", owner, r.URL, "amqp", "amqps")
		required(at, "queue", r.Queue)
		start(at, r.Start)
		tls(at, r.TLS)
		v.secret(at+".password_env", owner, r.PasswordEnv)
		if r.Prefetch < 0 || r.Prefetch > MaxPrefetch {
			v.addf(at+".prefetch", "%s: prefetch must be 1 to %d, not %d", owner, MaxPrefetch, r.Prefetch)
		}
	}
	if n := s.NATS; n != nil {
		at := path + ".nats"
		if len(n.Servers) == 0 {
			v.addf(at+".servers", `%s has no servers; write servers: ["nats://HOST:4222"]`, owner)
		}
		for i, server := range n.Servers {
			v.sourceURL(fmt.Sprintf("%s.servers[%d]", at, i), owner, server, "nats", "tls")
		}
		required(at, "stream", n.Stream)
		start(at, n.Start)
		tls(at, n.TLS)
		v.secret(at+".password_env", owner, n.PasswordEnv)
		v.secret(at+".token_env", owner, n.TokenEnv)
	}
	for i := range v.defs.Streams {
		if other := &v.defs.Streams[i]; s.PostgresCDC != nil && other.PostgresCDC != nil && other.Name < s.Name && other.CDCSlot() == s.CDCSlot() {
			v.addf(path+".postgres_cdc.slot", "%s and stream %q have the replication slot %s; name another one with slot:", owner, other.Name, s.CDCSlot())
		}
	}
	if c := s.PostgresCDC; c != nil {
		required(path+".postgres_cdc", "table", c.Table)
	}
}

// plainTable returns the name of a table without the schema that a name without one is in.
func plainTable(name string) string { return strings.TrimPrefix(name, "public.") }
