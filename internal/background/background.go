package background

import (
	"os"
	"runtime"
)

// cores is what GOMAXPROCS was before Spare.
var cores = runtime.GOMAXPROCS(0)

// Cores returns how many cores there are to use.
func Cores() int { return cores }

// processorsPerCore is more than the goroutines for each core that compute at
// length: those of background threads, Badger's and the collector's.
const processorsPerCore = 4

// Spare gives Go's scheduler more processors than there are cores, so that one is free
// to poll the network. It does nothing if GOMAXPROCS is set in the environment.
func Spare() {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(processorsPerCore * cores)
	}
}
