package nats_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"larder/schema"
	"larder/stream/source"
)

// lost fails unless err is a loss with these words.
func (b *bench) lost(err error, words string) {
	b.t.Helper()
	var loss *source.Lost
	if !errors.As(err, &loss) {
		b.t.Fatalf("got %v, want a *source.Lost", err)
	}
	if !strings.Contains(loss.Why, words) || !strings.Contains(loss.Why, `"EV"`) || !strings.Contains(loss.Why, "larder stream seek") {
		b.t.Fatalf("the loss is %q, want %q in it, the stream and the remedy", loss.Why, words)
	}
}

var modes = []schema.OnDataLoss{schema.StopOnDataLoss, schema.ContinueOnDataLoss}

// A limit of the stream takes messages that were not read.
func TestTrap08RetentionUnderOurFeet(t *testing.T) {
	for _, mode := range modes {
		t.Run("closed/"+string(mode), func(t *testing.T) {
			b := newBench(t, jetstream.StreamConfig{MaxMsgs: 100})
			b.stream.OnDataLoss = mode
			b.publish("ev.a", 0, 50)
			r := b.mustOpen(nil)
			r.reads(50)
			r.Close()
			b.publish("ev.a", 50, 300)
			if mode == schema.StopOnDataLoss {
				_, err := b.open(r.position)
				b.lost(err, "from 51 to 200")
				return
			}
			r = r.reopen()
			r.reads(150)
			r.holds(append(numbers(0, 50), numbers(200, 300)...))
		})
		t.Run("open/"+string(mode), func(t *testing.T) {
			b := newBench(t, jetstream.StreamConfig{MaxMsgs: 100})
			b.stream.OnDataLoss = mode
			b.publish("ev.a", 0, 50)
			r := b.mustOpen(nil)
			r.reads(50)
			for { // until no request waits, so that the server gives nothing ahead
				batch, err := r.Fetch(b.shortly())
				if err != nil {
					break
				}
				t.Fatalf("%d messages", len(batch.Messages))
			}
			b.publish("ev.a", 50, 20000) // a request may take some of it
			if mode == schema.StopOnDataLoss {
				b.lost(r.fails(), "were removed before they were read")
				return
			}
			r.until(func() bool { return r.position[0].Next == 20001 })
			if !slices.Equal(r.values[len(r.values)-100:], numbers(19900, 20000)) || !slices.IsSortedFunc(r.values, byNumber) {
				t.Fatal("the last hundred are missing, or out of order")
			}
		})
	}
}

func TestTrap08PurgedMessages(t *testing.T) {
	b := newBench(t, jetstream.StreamConfig{})
	b.publish("ev.a", 0, 50)
	r := b.mustOpen(nil)
	r.reads(50)
	r.Close()
	b.publish("ev.a", 50, 80)
	s, err := b.js.Stream(b.ctx, "EV")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Purge(b.ctx); err != nil {
		t.Fatal(err)
	}
	_, err = b.open(r.position)
	b.lost(err, "from 51 to 80")
}

// A stream is deleted and made again, and grows past our position: when it was made tells.
func TestTrap08AnotherStreamOfTheSameName(t *testing.T) {
	for _, mode := range modes {
		for _, when := range []string{"open", "closed"} {
			t.Run(when+"/"+string(mode), func(t *testing.T) {
				b := newBench(t, jetstream.StreamConfig{})
				b.stream.OnDataLoss = mode
				b.publish("ev.a", 0, 50)
				r := b.mustOpen(nil)
				r.reads(50)
				if when == "closed" {
					r.Close()
				}
				if err := b.js.DeleteStream(b.ctx, "EV"); err != nil {
					t.Fatal(err)
				}
				b.make(jetstream.StreamConfig{})
				b.publish("ev.a", 1000, 1200)
				if when == "open" {
					r.fails()
					r.holds(numbers(0, 50)) // nothing of the new stream
				}
				if mode == schema.StopOnDataLoss {
					_, err := b.open(r.position)
					b.lost(err, "deleted and made again")
					return
				}
				again := b.mustOpen(r.position)
				again.reads(200)
				again.holds(numbers(1000, 1200))
			})
		}
	}
}

// A stream that was restored from a backup ends before our position.
func TestTrap08AStreamThatEndsBeforeThePosition(t *testing.T) {
	b := newBench(t, jetstream.StreamConfig{})
	b.publish("ev.a", 0, 50)
	r := b.mustOpen(nil)
	r.reads(50)
	r.position[0].Next = 90
	_, err := b.open(r.position)
	b.lost(err, "ends at sequence 50")
}

// A limit for each subject removes messages in the middle: no loss.
func TestTrap08GapsOfALimitForEachSubject(t *testing.T) {
	b := newBench(t, jetstream.StreamConfig{MaxMsgsPerSubject: 1})
	for round := range 20 {
		for subject := range 10 {
			b.publish(fmt.Sprintf("ev.%d", subject), round*10+subject, round*10+subject+1)
		}
	}
	r := b.mustOpen(nil)
	r.reads(10)
	r.holds(numbers(190, 200))
}

// The server is killed and started again while messages are read.
func TestTrap08KilledServer(t *testing.T) {
	b := newBench(t, jetstream.StreamConfig{Storage: jetstream.FileStorage})
	r := b.mustOpen(nil)
	for round := range 3 {
		b.publish("ev.a", round*2000, round*2000+2000)
		r.until(func() bool { return len(r.values) > round*2000 })
		b.server.Shutdown()
		b.server.WaitForShutdown()
		if err := r.fails(); err == nil {
			t.Fatal("a broken connection is no error")
		}
		b.start()
		r = r.reopen()
	}
	r.reads(6000)
	r.holds(numbers(0, 6000))
	if r.again != 0 {
		t.Errorf("%d messages came again", r.again)
	}
}
