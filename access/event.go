package access

// An Event is what the audit trail keeps of a call.
type Event struct {
	Caller    string   `json:"caller,omitempty"` // METHOD:NAME; empty: nobody
	Action    Action   `json:"action,omitempty"`
	Resources []string `json:"resources,omitempty"`
	Method    string   `json:"method,omitempty"` // the RPC or path
	From      string   `json:"from,omitempty"`   // the address that the call came from
	RequestID string   `json:"request_id,omitempty"`
	Outcome   Outcome  `json:"outcome"`
	Code      string   `json:"code,omitempty"`  // of a refusal or an end, as in OK or PERMISSION_DENIED
	Count     int64    `json:"count,omitempty"` // of equal events, where there are several
}

// An Outcome is what became of a call.
type Outcome string

// The outcomes of events.
const (
	Started Outcome = "started" // a server; the first record of a chain
	Allowed Outcome = "allowed" // before the effect
	Refused Outcome = "refused"
	Ended   Outcome = "ended" // what was allowed before; Code says how
)
