package arrowflight

import (
	"bytes"
	"errors"

	flightv1 "github.com/apache/arrow-go/v18/arrow/flight/gen/flight"
	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// A Sender is a stream that messages are sent on.
type Sender interface {
	Send(m *flightv1.FlightData) error
}

// A Receiver is a stream that messages are received from.
type Receiver interface {
	Recv() (*flightv1.FlightData, error)
}

// SchemaBytes returns a schema as Flight's messages have it: a stream without batches.
func SchemaBytes(columns *arrow.Schema) []byte {
	var raw bytes.Buffer
	_ = ipc.NewWriter(&raw, ipc.WithSchema(columns)).Close() // memory never fails
	return raw.Bytes()
}

// payloads sends each message of an Arrow stream in a message of Flight.
type payloads struct {
	to      Sender
	message flightv1.FlightData
	body    bytes.Buffer
}

func (p *payloads) Start() error { return nil }
func (p *payloads) Close() error { return nil }

func (p *payloads) WritePayload(payload ipc.Payload) error {
	meta := payload.Meta()
	defer meta.Release()
	p.body.Reset()
	if err := payload.SerializeBody(&p.body); err != nil {
		return err
	}
	p.message.DataHeader, p.message.DataBody = meta.Bytes(), p.body.Bytes()
	err := p.to.Send(&p.message)
	p.message.FlightDescriptor = nil // only the first has one
	return err
}

// A Reader reads record batches. The caller releases it.
type Reader struct {
	*ipc.Reader
	messages *messages
}

// NewReader returns a reader of the batches of a stream. It reads their schema.
func NewReader(stream Receiver, opts ...ipc.Option) (*Reader, error) {
	first, err := stream.Recv()
	if err != nil {
		return nil, err
	}
	r := &Reader{messages: &messages{from: stream, descriptor: first.GetFlightDescriptor()}}
	if len(first.GetDataHeader()) > 0 {
		r.messages.first = first
	}
	if r.Reader, err = ipc.NewReaderFromMessageReader(r.messages, opts...); err != nil {
		return nil, err
	}
	return r, nil
}

// LatestFlightDescriptor returns the descriptor of the newest message.
func (r *Reader) LatestFlightDescriptor() *flightv1.FlightDescriptor { return r.messages.descriptor }

// messages reads the messages of an Arrow stream from those of Flight.
type messages struct {
	from       Receiver
	first      *flightv1.FlightData // read already; nil when it was returned
	descriptor *flightv1.FlightDescriptor
	message    *ipc.Message
}

func (m *messages) Retain()  {}
func (m *messages) Release() { m.letGo() }

func (m *messages) letGo() {
	if m.message != nil {
		m.message.Release()
		m.message = nil
	}
}

func (m *messages) Message() (*ipc.Message, error) {
	data := m.first
	m.first = nil
	if data == nil {
		var err error
		if data, err = m.from.Recv(); err != nil {
			m.letGo()
			return nil, err
		}
	}
	m.descriptor = data.GetFlightDescriptor()
	if len(data.GetDataHeader()) == 0 {
		return nil, errors.New("a message of the stream has no batch")
	}
	m.message = ipc.NewMessage(memory.NewBufferBytes(data.GetDataHeader()), memory.NewBufferBytes(data.GetDataBody()))
	return m.message, nil
}
