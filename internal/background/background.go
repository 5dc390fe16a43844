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

// Spare gives Go's scheduler more processors than there are cores, unless
// GOMAXPROCS is set in the environment, so that one is left to look at the network.
func Spare() {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(processorsPerCore * cores)
	}
}
