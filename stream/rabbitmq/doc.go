// Package rabbitmq reads a queue of RabbitMQ as a source of a stream: a classic or quorum
// queue, or a stream queue. It is the door of amqp091-go.
//
// A classic or quorum queue has no positions. Messages are acknowledged once they are in
// the log; what isn't comes again after the connection ends, and the log drops it by its
// event_id.
//
// A stream queue is read from the log's own position, which is RabbitMQ's offset. There,
// acknowledgements only let more messages come. Which kind a queue is, RabbitMQ says when
// it is asked for messages from an offset.
//
// It promises:
//
//   - Every message of a queue comes until it was acknowledged: at least once.
//   - Messages of a stream queue come in order, each once for an open source, and opened
//     again behind the position.
//   - Loss of a stream queue is told: messages that its limits removed before they were
//     read, and a queue that ends before the position. RabbitMQ doesn't say when a queue
//     was made: one that was deleted and made again, and has grown past the position, can't
//     be told from the old one.
//
// It refuses a queue that isn't there, a virtual host that isn't there, wrong credentials,
// and a certificate that the given authorities didn't sign.
//
// The client doesn't connect by itself: a connection that breaks is an error of Fetch, and
// the caller opens the source again, so that no acknowledgement names a delivery of a
// channel that is gone.
//
// Memory: the prefetch (5,000 messages by default) times the size of a message. RabbitMQ
// counts messages and not bytes: lower prefetch: where messages are large. A batch for the
// caller has at most 5,000 messages and, but for one large message, 4 MiB.
package rabbitmq
