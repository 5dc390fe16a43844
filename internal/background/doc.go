// Package background lets work that can wait, such as materialization, take what
// the cores have to spare and no more: requests are answered as fast while it
// runs as while it doesn't.
//
// Two things stand in the way of that in Go. A goroutine that computes keeps its
// thread until the scheduler takes it away after 10 milliseconds, and while every
// one of the scheduler's processors is kept so, nobody looks at the network but a
// watchdog, every 10 milliseconds too: [Spare] makes more processors than there
// are cores. And the system's scheduler, which then shares out the cores, takes
// all threads for alike: [Thread] tells it which ones can wait.
package background
