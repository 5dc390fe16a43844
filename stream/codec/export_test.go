package codec

import (
	"context"
	"time"
)

// SetClock makes a decoder with a registry read the time elsewhere.
func (d *Decoder) SetClock(now func() time.Time) { d.format.(framed).registry.now = now }

// Break makes a decoder panic.
func (d *Decoder) Break() { d.format = broken{} }

type broken struct{}

func (broken) decode(context.Context, []byte, *row) error { panic("broken") }
