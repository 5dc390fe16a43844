package schema

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"strings"
	"time"
)

// A Stream is a log of events in Postgres, and where its events come from. It has one
// source: Kafka, RabbitMQ, NATS, a table of Postgres, or calls that push events.
type Stream struct {
	Name string `json:"name"`

	// The source; at most one is set. Without any the stream takes pushed events only.
	Kafka       *KafkaSource    `json:"kafka,omitempty"`
	RabbitMQ    *RabbitMQSource `json:"rabbitmq,omitempty"`
	NATS        *NATSSource     `json:"nats,omitempty"`
	PostgresCDC *CDCSource      `json:"postgres_cdc,omitempty"`
	Push        *PushSource     `json:"push,omitempty"`

	Format *StreamFormat `json:"format,omitempty"` // of the messages; nil means JSON
	Log    StreamLog     `json:"log"`

	// EventID is the field that identifies an event. Empty: its position in the source
	// does. RabbitMQ needs it.
	EventID string `json:"event_id,omitempty"`
	// TimestampField is the field of the event time.
	TimestampField string `json:"timestamp_field"`
	// MaxAhead is how far the event time may be ahead of the clock; nil means
	// DefaultMaxAhead. An event further ahead is a dead letter.
	MaxAhead *Duration `json:"max_ahead,omitempty"`
	// MaxAge is how old an event may be when it arrives; 0 means any age. An older event
	// is a dead letter.
	MaxAge Duration `json:"max_age,omitempty"`
	// OnDuplicate says what an event does whose id is in the log already; empty means first.
	OnDuplicate OnDuplicate `json:"on_duplicate,omitempty"`
	// DedupFor is how far back ids are looked up, also those of retractions; 0 means
	// DefaultDedupFor.
	DedupFor Duration `json:"dedup_for,omitempty"`
	// DeletedField is a bool field; a true there retracts the event of the same id.
	DeletedField string `json:"deleted_field,omitempty"`

	Fields []StreamField `json:"fields"`

	// Linger is how long the writer waits for more events before it commits; nil means
	// DefaultLinger.
	Linger *Duration `json:"linger,omitempty"`
	// MaxBadShare is the share of bad messages among the last 1,000 past which the source
	// stops; nil means 0.01.
	MaxBadShare *float64 `json:"max_bad_share,omitempty"`
	// OnDataLoss says what happens when the source has lost messages that were not read;
	// empty means stop.
	OnDataLoss OnDataLoss `json:"on_data_loss,omitempty"`

	Description string            `json:"description,omitempty"`
	Owner       string            `json:"owner,omitempty"`
	Tags        map[string]string `json:"tags,omitempty"`
}

// The defaults of streams.
const (
	DefaultMaxAhead = Duration(5 * time.Second)
	DefaultDedupFor = Duration(7 * 24 * time.Hour)
	DefaultLinger   = Duration(20 * time.Millisecond)
)

// OnDuplicate says what an event does whose id is in the log already.
type OnDuplicate string

// The values of OnDuplicate.
const (
	FirstWins   OnDuplicate = "first"   // nothing: it is counted as a duplicate
	ReplaceWith OnDuplicate = "replace" // it replaces the event: a correction
)

// OnDataLoss says what happens when a source has lost messages that were not read.
type OnDataLoss string

// The values of OnDataLoss.
const (
	StopOnDataLoss     OnDataLoss = "stop"     // the source fails and says what to do
	ContinueOnDataLoss OnDataLoss = "continue" // it goes on with the oldest message there is
)

// A StreamField is one value of an event.
type StreamField struct {
	Name string `json:"name"`
	Type Type   `json:"type"` // a scalar
	// Path is where the value is in a message, as in card.id; empty means Name.
	Path     string `json:"path,omitempty"`
	Nullable bool   `json:"nullable,omitempty"` // a missing or null value is null, and not a bad message
	// Format is how a message writes a timestamp; empty means rfc3339.
	Format TimeFormat `json:"format,omitempty"`
	// TimeZone is the IANA zone of timestamps without an offset; empty refuses them.
	TimeZone    string            `json:"time_zone,omitempty"`
	Description string            `json:"description,omitempty"`
	Tags        map[string]string `json:"tags,omitempty"`
}

// TimeFormat is how a message writes a timestamp.
type TimeFormat string

// The values of TimeFormat. Epochs are integers since 1970 UTC.
const (
	TimeRFC3339     TimeFormat = "rfc3339" // a text, as in 2026-01-31T12:00:00.5Z
	TimeEpochSecond TimeFormat = "epoch_s"
	TimeEpochMilli  TimeFormat = "epoch_ms"
	TimeEpochMicro  TimeFormat = "epoch_us"
	TimeEpochNano   TimeFormat = "epoch_ns" // cut to microseconds
)

// A StreamLog is the table that a stream's events are kept in.
type StreamLog struct {
	Table     string   `json:"table"`               // SCHEMA.TABLE
	Create    bool     `json:"create,omitempty"`    // apply makes the table if it is missing
	Retention Duration `json:"retention,omitempty"` // how long events are kept; 0 means for ever
}

// StreamFormat is how the messages of a stream are encoded.
type StreamFormat struct {
	Type FormatType `json:"type"`
	// Registry is the URL of a schema registry with Confluent's API. Messages then begin
	// with Confluent's header: a zero byte and the number of the schema.
	Registry    string `json:"registry,omitempty"`
	User        string `json:"user,omitempty"`         // of the registry
	PasswordEnv string `json:"password_env,omitempty"` // the variable of the server that holds the registry's password
	// File is an Avro schema (.avsc) or a .proto file below the definitions folder. Its
	// text is read into Schema.
	File   string `json:"file,omitempty"`
	Schema string `json:"schema,omitempty"`
	// Message is the full name of the Protobuf message; empty means the only one of the file.
	Message string `json:"message,omitempty"`
}

// FormatType is the encoding of messages.
type FormatType string

// The values of FormatType.
const (
	JSONFormat     FormatType = "json"
	AvroFormat     FormatType = "avro"
	ProtobufFormat FormatType = "protobuf"
)

// A KafkaSource is one topic.
type KafkaSource struct {
	Brokers []string   `json:"brokers"` // HOST:PORT
	Topic   string     `json:"topic"`
	Start   Start      `json:"start,omitempty"` // empty means earliest
	Group   string     `json:"group,omitempty"` // offsets are told to this group, for tools that show lag; empty means larder-STREAM
	TLS     *SourceTLS `json:"tls,omitempty"`
	SASL    *SASL      `json:"sasl,omitempty"`
}

// Start says where a source begins that has not been read before.
type Start string

// The values of Start.
const (
	Earliest Start = "earliest" // with the oldest message there is
	Latest   Start = "latest"   // with messages that arrive from now on
)

// SASL is how a client proves who it is to Kafka.
type SASL struct {
	Mechanism   string `json:"mechanism"` // PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512
	User        string `json:"user"`
	PasswordEnv string `json:"password_env"` // the variable of the server that holds the password
}

// SecretPrefix begins the name of each variable of the server that definitions may name:
// whoever applies definitions can't read any other variable.
const SecretPrefix = "LARDER_SECRET_"

// SourceTLS says how connections to a source are encrypted. The zero value trusts the
// system's certificate authorities.
type SourceTLS struct {
	CA         string `json:"ca,omitempty"`          // PEM of the certificate authorities to trust instead of the system's
	Cert       string `json:"cert,omitempty"`        // PEM of the client's certificate
	KeyEnv     string `json:"key_env,omitempty"`     // the variable of the server that holds the PEM of the certificate's key
	ServerName string `json:"server_name,omitempty"` // the name in the server's certificate; empty means the host
}

// A RabbitMQSource is one queue: a classic or quorum queue, or a stream queue.
type RabbitMQSource struct {
	URL         string     `json:"url"` // amqp://HOST:PORT/VHOST or amqps://, without a password
	Queue       string     `json:"queue"`
	User        string     `json:"user,omitempty"`
	PasswordEnv string     `json:"password_env,omitempty"`
	Prefetch    int        `json:"prefetch,omitempty"` // messages that may be unacknowledged; 0 means 5000
	Start       Start      `json:"start,omitempty"`    // of stream queues; empty means earliest
	TLS         *SourceTLS `json:"tls,omitempty"`
}

// A NATSSource is one JetStream stream, or the part of it with some subject.
type NATSSource struct {
	Servers     []string   `json:"servers"` // nats://HOST:PORT or tls://
	Stream      string     `json:"stream"`
	Subject     string     `json:"subject,omitempty"` // may have wildcards; empty means all
	Start       Start      `json:"start,omitempty"`   // empty means earliest
	User        string     `json:"user,omitempty"`
	PasswordEnv string     `json:"password_env,omitempty"`
	TokenEnv    string     `json:"token_env,omitempty"`
	TLS         *SourceTLS `json:"tls,omitempty"`
}

// A CDCSource is the changes of one table in Larder's database, by logical replication.
// The table needs REPLICA IDENTITY FULL.
type CDCSource struct {
	Table       string `json:"table"`                 // SCHEMA.TABLE
	Slot        string `json:"slot,omitempty"`        // empty means larder_STREAM
	Publication string `json:"publication,omitempty"` // empty means larder_STREAM
}

// CDCSlot returns the name of the replication slot of a stream of a table's changes.
func (s *Stream) CDCSlot() string {
	return cmp.Or(s.PostgresCDC.Slot, "larder_"+strings.ToLower(plainName(s.Name)))
}

// CDCPublication returns the name of its publication.
func (s *Stream) CDCPublication() string {
	return cmp.Or(s.PostgresCDC.Publication, "larder_"+plainName(s.Name))
}

// plainName returns the name of a stream as names of slots may have it. A hash tells a stream
// of a project from all others.
func plainName(name string) string {
	project, local, found := strings.Cut(name, "/")
	if !found {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	return fmt.Sprintf("%.20s_%.20s_%x", project, local, sum[:4])
}

// A PushSource takes events from calls.
type PushSource struct{}

// AheadLimit returns how far an event time may be ahead of the clock.
func (s *Stream) AheadLimit() Duration {
	if s.MaxAhead == nil {
		return DefaultMaxAhead
	}
	return *s.MaxAhead
}

// DedupWindow returns how far back ids are looked up.
func (s *Stream) DedupWindow() Duration { return cmp.Or(s.DedupFor, DefaultDedupFor) }

// LingerTime returns how long the writer waits for more events before it commits.
func (s *Stream) LingerTime() time.Duration {
	if s.Linger == nil {
		return DefaultLinger.Std()
	}
	return s.Linger.Std()
}

// BadShare returns the share of bad messages past which the source stops.
func (s *Stream) BadShare() float64 {
	if s.MaxBadShare == nil {
		return defaultMaxBadShare
	}
	return *s.MaxBadShare
}

// Field returns the index of a field; -1 when there is none.
func (s *Stream) Field(name string) int {
	for i := range s.Fields {
		if s.Fields[i].Name == name {
			return i
		}
	}
	return -1
}

// ValuePath returns where the value of a field is in a message.
func (f *StreamField) ValuePath() string { return cmp.Or(f.Path, f.Name) }

// HasSource reports whether the server reads the events from somewhere: they aren't
// pushed.
func (s *Stream) HasSource() bool { return s.SourceName() != "push" }

// SourceName returns the key of the stream's source in definitions.
func (s *Stream) SourceName() string {
	switch {
	case s.Kafka != nil:
		return "kafka"
	case s.RabbitMQ != nil:
		return "rabbitmq"
	case s.NATS != nil:
		return "nats"
	case s.PostgresCDC != nil:
		return "postgres_cdc"
	}
	return "push"
}
