// Command listed says of models whether they are on the list of those that run in the
// server's process. It reads the names of files from its input, one a line, and writes a
// line for each: why the model is not on the list, or nothing.
package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"

	"larder/scoring"
)

func main() {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		fmt.Println(strings.ReplaceAll(outside(lines.Text()), "\n", " "))
	}
}

func outside(name string) string {
	file, err := os.ReadFile(name)
	if err != nil {
		return err.Error()
	}
	sig, err := scoring.Inspect(file)
	if err != nil {
		return err.Error()
	}
	return sig.Outside()
}
