// Package background lets work that can wait, such as materialization, use only the
// spare time of the cores, so that requests stay as fast while it runs.
//
// Two things stand in the way of that in Go. A goroutine that computes keeps its
// thread until the scheduler takes it away after 10 milliseconds. While every one of
// the scheduler's processors is busy in this way, only a watchdog polls the network,
// also every 10 milliseconds. So [Spare] makes more processors than there are cores.
// The system's scheduler then shares out the cores, and treats all threads the same.
// So [Thread] tells it which threads can wait.
package background
