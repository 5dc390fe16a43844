// Package replay makes a server score the vectors of a feature log again.
//
// [Run] scores each request with the version of the model that scored it originally,
// and compares the scores bit for bit. [Compare] scores logged rows with two versions
// and compares the versions: their size, their latency, the difference of their scores
// and, where the outcome of rows is known, their quality.
//
// Both read the folder of the log on this machine and send the vectors over gRPC.
// They don't change the log or the server.
package replay
