// Package codec decodes the messages of a stream into rows of its fields: JSON, and Avro
// and Protobuf with or without a schema registry.
//
// It promises that a message gives either one whole row, a [*BadMessage] that says what
// is wrong with it, or an error that will pass (a registry that is away). A bad message
// stays bad however often it is read. No message, whatever its bytes are, takes more
// memory than some small multiple of its own size.
//
// It refuses rather than guesses: duplicate keys on the way to a field, numbers that
// don't fit their type, local times that a clock shows twice or never, data after the
// message. Fields of a message that the stream doesn't name are ignored.
//
// # Paths
//
// A field's path walks objects, records or messages: card.id is the member id of the
// member card. A key that has a dot itself is written with a backslash before the dot,
// as in a\.b, and a backslash is written twice. Arrays can't be walked.
//
// # JSON
//
//	bool       true, false
//	int32      7, 7.0, 7e0
//	int64      the same, and "7"
//	float32    1.5, "NaN", "Infinity", "-Infinity"; the nearest float
//	float64    the same
//	string     "x"; without U+0000, which Postgres can't keep
//	bytes      standard base64 in quotes
//	timestamp  by the field's format
//
// # Avro
//
// Messages are bare, of the schema in the definition, which must have every field; or
// they begin with Confluent's header, and each is read by the schema that wrote it. Values
// are found by name. A union with null is nullable. An integer becomes a float only if it
// fits exactly, a double the nearest float32. Enums and uuids are strings. A decimal is
// the nearest float, or an integer if it is whole. timestamp-* are timestamps; date and
// local-timestamp-* too, in the field's time_zone; a plain int or long by the field's
// format. Arrays and maps can't be read.
//
// # Protobuf
//
// Messages are bare, of a type of the .proto file in the definition, which may import the
// files of google/protobuf only; or they begin with Confluent's header and the indexes of
// their type in the schema:
//
//	00 | number of the schema, 4 bytes, big-endian | indexes | message
//
// The indexes are zigzag varints: how many there are, then each; a single 0 stands for the
// first type. Avro and JSON have no indexes.
//
// A field that isn't on the wire is null if its type has presence, its default if the
// .proto file declares one, and else zero. Wrappers (google.protobuf.Int64Value and so on)
// are values that may be null; google.protobuf.Timestamp is a timestamp; an enum is a
// string or its number. Repeated fields and maps can't be read. A field that comes with
// another wire type than the schema's is a WRONG_TYPE: the message is of another schema.
//
// # Registries
//
// A schema is read once and kept. What the registry doesn't know is asked again after 5
// seconds, and a registry that is away after 100 milliseconds up to 10 seconds. Answers of
// more than 4 MiB are refused. Schemas that a schema refers to are read too, at most 64.
// With JSON only the header is read.
//
// # Times
//
// rfc3339 is 2026-01-31T12:00:00.5Z, with a space for the T if you like; the offset may be
// Z, +01:00, +0100 or +01, and may be left out only where the field has a time_zone.
// epoch_s, epoch_ms, epoch_us and epoch_ns are whole numbers. What is finer than a
// microsecond is cut, towards the past.
//
// # Retractions
//
// A message that retracts an event (source.Message.Deleted, or a true deleted_field)
// needs its event id only: all its other fields may be missing, and are null then.
package codec
