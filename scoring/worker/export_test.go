package worker

// Environment is what a child gets of this process's environment.
func Environment() []string { return environment() }

// Abandon closes the socket to the child, as the end of the parent does.
func (p *Process) Abandon() { p.control.close() }
