package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"larder/access"
)

// An Entry is what is recorded.
type Entry = access.Event

// A Record is an entry in its chain.
type Record struct {
	Chain string `json:"chain"`
	Seq   int64  `json:"seq"`
	At    string `json:"at"` // RFC 3339, UTC
	Entry
	After string `json:"after,omitempty"` // of the first record: the hash of the newest record of any chain
}

// A hash is that of a record with all before it in its chain.
type hash [sha256.Size]byte

// seal returns the JSON of a record and its hash, after the hash before it.
func seal(r *Record, before hash) (line []byte, h hash, err error) {
	if line, err = json.Marshal(r); err != nil {
		return nil, h, err
	}
	return line, chain(before, line), nil
}

func chain(before hash, line []byte) (h hash) {
	sum := sha256.New()
	sum.Write(before[:])
	sum.Write(line)
	sum.Sum(h[:0])
	return h
}

// withHash returns the line of a file: the record's, with its hash as the last member.
func withHash(line []byte, h hash) []byte {
	out := append(bytes.TrimSuffix(line, []byte("}")), `,"hash":"`...)
	out = hex.AppendEncode(out, h[:])
	return append(out, "\"}\n"...)
}

// hashMember is the length of what withHash adds before the last brace.
const hashMember = len(`,"hash":""`) + 2*sha256.Size

// splitHash is the inverse of withHash.
func splitHash(line []byte) (record []byte, h hash, err error) {
	line = bytes.TrimSuffix(line, []byte("\n"))
	at := len(line) - 1 - hashMember
	if at < 0 || !bytes.HasPrefix(line[at:], []byte(`,"hash":"`)) || !bytes.HasSuffix(line, []byte(`"}`)) {
		return nil, h, errors.New("it doesn't end with a hash")
	}
	if _, err := hex.Decode(h[:], line[at+len(`,"hash":"`):len(line)-2]); err != nil {
		return nil, h, fmt.Errorf("its hash is not hexadecimal: %w", err)
	}
	return append(bytes.Clone(line[:at]), '}'), h, nil
}

// A Checker follows chains, record by record.
type Checker struct {
	chains map[string]*link
	faults []string

	Records int
}

// A link is the last record of a chain that was seen.
type link struct {
	seq  int64
	hash hash
	mid  bool // the chain's beginning was not seen: it is older than what is kept
}

// NewChecker returns a Checker that has seen nothing.
func NewChecker() *Checker { return &Checker{chains: map[string]*link{}} }

// Chains returns how many chains were seen.
func (c *Checker) Chains() int { return len(c.chains) }

// Faults returns what is wrong; none where the trail is whole.
func (c *Checker) Faults() []string { return c.faults }

func (c *Checker) faultf(format string, args ...any) {
	const most = 100
	if len(c.faults) < most {
		c.faults = append(c.faults, fmt.Sprintf(format, args...))
	}
}

// Add checks the next record of its chain and returns it. Records of a chain come in order.
func (c *Checker) Add(line []byte, h [sha256.Size]byte) (*Record, error) {
	r := new(Record)
	if err := json.Unmarshal(line, r); err != nil {
		c.faultf("a record is not JSON: %s", err)
		return nil, err
	}
	c.Records++
	last := c.chains[r.Chain]
	switch {
	case last == nil && r.Seq != 1:
		c.chains[r.Chain] = &link{r.Seq, h, true} // what was before it is not kept any more
		return r, nil
	case last == nil:
		last = &link{}
		c.chains[r.Chain] = last
	case r.Seq != last.seq+1:
		c.faultf("chain %s: record %d follows record %d; those between are missing", r.Chain, r.Seq, last.seq)
	}
	if r.Seq == last.seq+1 && chain(last.hash, line) != h {
		c.faultf("chain %s: record %d is not the one that was written: its hash doesn't fit", r.Chain, r.Seq)
	}
	last.seq, last.hash = r.Seq, h
	return r, nil
}

// ReadFile reads a file of the trail. It calls each with the records; where that returns
// false it reads no further.
func (c *Checker) ReadFile(file io.Reader, name string, each func(*Record) bool) error {
	lines := newLines(file)
	for n := 1; ; n++ {
		line, err := lines.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s, line %d: %w", name, n, err)
		}
		record, h, err := splitHash(line)
		if err != nil {
			c.faultf("%s, line %d: %s", name, n, err)
			continue
		}
		r, err := c.Add(record, h)
		if err == nil && !each(r) {
			return nil
		}
	}
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000Z") }
