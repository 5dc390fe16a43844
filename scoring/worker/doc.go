// Package worker runs work that may crash, hang or take all memory in child processes.
// It knows nothing about models.
//
// A child is a copy of the running program: [Start] runs its binary again with a
// variable set, and [Main], which must come first in the program's main, then serves
// and never returns. Parent and child send each other messages, with open files, over
// a socket. A [Channel] is for calls: parent and child share its memory, and a call is
// a few bytes there and back over a socket of its own. So nothing that is large is
// copied, and calls of different channels go on at the same time.
//
// [Confine] takes from a child what it doesn't need: memory beyond a limit, files,
// the network and other processes. A child ends when its parent does.
package worker
