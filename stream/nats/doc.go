// Package nats reads a stream of NATS JetStream as a source of a stream. It is the door of
// nats.go.
//
// A stream that keeps its messages by limits is read from the log's own position, by a
// consumer that is thrown away: nothing is acknowledged, and nothing of ours stays on the
// server. The position is the stream's sequence; its incarnation is when the stream was
// made.
//
// A stream that keeps its messages until they are acknowledged (retention workqueue or
// interest) is read by the durable consumer larder_STREAM, and messages are acknowledged
// once they are in the log. What wasn't is delivered again after 30 seconds, also out of
// order, with the same ids. Its positions only tell one stream from another. Whoever gives
// up such a stream deletes the consumer.
//
// It promises:
//
//   - Messages of a stream with limits come in order, each once for an open source. A
//     source that is opened again gives what comes after its position, with the same ids.
//   - A stream that was never read gets its position with the first batch, before any
//     message.
//   - Loss is told: messages that the stream's limits or a purge removed before they were
//     looked at, a stream that was deleted and made again, a stream whose end is before the
//     position. Messages that were removed in the middle, by hand or by a limit for each
//     subject, are no loss.
//   - With a subject, removed messages may have been of other subjects, which nobody can
//     tell: they count as loss. While nothing comes, the position moves with the stream's
//     end, so that only a source that falls behind sees this.
//
// It refuses a stream that was never read and isn't there, wrong credentials, a certificate
// that the given authorities didn't sign, `start: latest` for a work queue, which the server
// can't do, and messages of more than 8 MiB.
//
// A connection that breaks is an error of Fetch: the caller opens the source again. Memory:
// at most 8 MiB of messages between the server and the caller.
package nats
