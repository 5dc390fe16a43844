// Package source has the words that every source of a stream shares: what a message is,
// where it was, and how a source says that messages are lost. The sources themselves are
// stream/kafka, stream/rabbitmq, stream/nats and stream/cdc. Package stream declares the
// interface that they have, and drives them.
//
// A source's Open and Fetch return three kinds of errors. A *Lost says that unread
// messages are gone, and a *Stopped that a person has to change something: both stay until
// the source is opened with other positions or another definition. Any other error may go
// away: close the source, wait, and open it again.
//
// An error is sticky. After Fetch has returned one, it returns it again.
package source
