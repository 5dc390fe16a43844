package audit

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"larder/access"
	"larder/schema"
)

// Around does what a command does to the registry without a server: it records the decision,
// has the effect, and records how that ended. The records are a chain of their own, so servers
// that write at the same time need not wait. Without the first record there is no effect.
func Around(ctx context.Context, opts Options, e Entry, effect func(context.Context) error) error {
	l, err := Open(opts)
	if err != nil {
		return err
	}
	e.RequestID, e.Outcome = rand.Text(), access.Allowed
	if err := l.append([]*pending{{Entry: e, at: time.Now()}}); err != nil {
		return errors.Join(unwritten(err), l.Close())
	}
	err = effect(ctx)
	end := Entry{Caller: e.Caller, Action: e.Action, Method: e.Method, RequestID: e.RequestID, Outcome: access.Ended, Code: codeOf(err)}
	if err := l.append([]*pending{{Entry: end, at: time.Now()}}); err != nil {
		l.opts.Logger.Error("the end can't be recorded in the audit trail", "method", e.Method, "error", err)
	}
	if closed := l.Close(); err == nil && closed != nil {
		return fmt.Errorf("close the audit trail: %w", closed)
	}
	return err
}

// codeOf says how an effect ended, as records of servers do.
func codeOf(err error) string {
	var said *schema.Error
	switch {
	case err == nil:
		return "OK"
	case errors.As(err, &said) && said.Reason != "":
		return string(said.Reason)
	}
	return "Internal"
}
