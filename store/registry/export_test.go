package registry

// Expire makes a proposal one that was made long ago.
func (p *Proposal) Expire() {
	for i := range p.takenBack {
		p.takenBack[i].KeepUntil = 1
	}
}
