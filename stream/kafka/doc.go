// Package kafka reads a topic of Kafka as a source of a stream. It is the door of
// franz-go.
//
// It reads every partition from the log's own positions, without a consumer group: the
// lease of the stream says which server reads. The group's offsets are written afterwards,
// for tools that show lag; nothing reads them.
//
// It promises:
//
//   - Only records of committed transactions are given. Positions move over control
//     records, aborted records and what compaction removed.
//   - A partition's messages come in order, each once for an open source. A source that is
//     opened again gives what comes after its positions, with the same ids.
//   - A stream that was never read gets its positions with the first batch, before any
//     message, so that `start: latest` holds from the first look at the topic.
//   - Partitions that are added to a topic are read from their first record.
//   - Loss is told: records that were deleted before they were read, a log that was cut
//     behind the position, a topic that was deleted and made again, even when that grew past
//     the position. The incarnation of a position is the topic's id.
//
// It refuses a topic that was never read and isn't there, wrong credentials, a certificate
// that the given authorities didn't sign, and a batch that unpacks to more than 32 MiB. A
// topic that was read and isn't there any more is an error that may go away: brokers that
// have just started don't know yet what topics they have.
//
// Memory: at most 16 MiB of fetched batches as the broker sends them, and what they unpack
// to. A batch for the caller has at most 5,000 messages and, but for one large message,
// 4 MiB.
package kafka
