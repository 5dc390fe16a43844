package access

import (
	"math"
	"time"

	"google.golang.org/grpc"

	"larder/access"
	"larder/access/audit"
	larderv1 "larder/api/larder/v1"
	"larder/schema"
)

// recordsInMessage is how many records one message has.
const recordsInMessage = 500

// ReadAudit returns records of the trail.
func (s *Server) ReadAudit(req *larderv1.ReadAuditRequest, stream grpc.ServerStreamingServer[larderv1.ReadAuditResponse]) error {
	since, until := time.UnixMicro(req.GetSince()), time.UnixMicro(req.GetUntil())
	if req.GetUntil() == 0 {
		until = time.Now().Add(time.Hour)
	}
	if !since.Before(until) {
		return schema.BadTime.Errorf("the trail is asked for from %s to %s; since must be before until", since.UTC().Format(time.RFC3339), until.UTC().Format(time.RFC3339))
	}
	if s.trail == nil {
		return schema.NoAudit.Errorf("this server keeps no audit trail, since it asks nobody who calls; start it with --keys or another way to prove who calls")
	}
	var batch []*larderv1.AuditRecord
	var failed error
	check, err := s.trail.Read(stream.Context(), since, until, func(r *audit.Record) bool {
		m := AuditMessage(r)
		if !Wanted(m, req) {
			return true
		}
		if batch = append(batch, m); len(batch) == recordsInMessage {
			failed = stream.Send(&larderv1.ReadAuditResponse{Records: batch})
			batch = nil
		}
		return failed == nil
	})
	if failed != nil {
		return failed
	}
	if err != nil {
		return err
	}
	return stream.Send(&larderv1.ReadAuditResponse{Records: batch, Check: CheckMessage(check)})
}

// Wanted reports whether a record is one of those that are asked for. The time is that of the
// call, which may be a little before that of the record.
func Wanted(r *larderv1.AuditRecord, req *larderv1.ReadAuditRequest) bool {
	return (req.GetCaller() == "" || r.GetCaller() == req.GetCaller()) &&
		(req.GetAction() == "" || r.GetAction() == req.GetAction()) &&
		(!req.GetRefused() || r.GetOutcome() == string(access.Refused)) &&
		r.GetAt() >= req.GetSince() && (req.GetUntil() == 0 || r.GetAt() < req.GetUntil())
}

// CheckMessage returns what a check found, as the API has it.
func CheckMessage(c *audit.Checker) *larderv1.AuditCheck {
	return &larderv1.AuditCheck{Records: int64(c.Records), Chains: int64(c.Chains()), Faults: c.Faults()}
}

// AuditMessage returns a record as the API has it.
func AuditMessage(r *audit.Record) *larderv1.AuditRecord {
	at, err := time.Parse(time.RFC3339Nano, r.At)
	micros := at.UnixMicro()
	if err != nil {
		micros = math.MinInt64 // a record that was changed; the check says so
	}
	return &larderv1.AuditRecord{
		Chain: r.Chain, Seq: r.Seq, At: micros, Caller: r.Caller, Action: string(r.Action), Resources: r.Resources, Method: r.Method,
		From: r.From, RequestId: r.RequestID, Outcome: string(r.Outcome), Code: r.Code, Count: r.Count,
	}
}
