package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"larder/internal/wholefile"
)

// devFile is a file of the data folder of a server with --dev, while it runs.
const devFile = "dev.json"

// A devServer says how to reach a server with --dev, and its private Postgres.
type devServer struct {
	Postgres string `json:"postgres"`
	GRPC     string `json:"grpc"`
	HTTP     string `json:"http"`
	KeyFile  string `json:"key_file,omitempty"` // of the first key, with --keys
}

// recordDev leaves the addresses of a server with --dev where larder dev finds them; end
// takes them away.
func (n *node) recordDev(grpc, http net.Addr) (end func(), err error) {
	if n.cluster == nil {
		return func() {}, nil
	}
	path := filepath.Join(n.cfg.Data, devFile)
	d := devServer{Postgres: n.userDSN, GRPC: grpc.String(), HTTP: http.String()}
	if n.cfg.Keys {
		if d.KeyFile, err = filepath.Abs(filepath.Join(n.cfg.Data, devKeyFile)); err != nil {
			return nil, err
		}
	}
	raw, err := json.Marshal(d)
	if err != nil {
		return nil, err
	}
	end = func() { _ = os.Remove(path) } // left behind, it names ports where nothing listens
	return end, wholefile.Write(path, append(raw, '\n'), 0o600)
}

func newDevCommand() *cobra.Command {
	var data string
	var postgres, asJSON bool
	cmd := &cobra.Command{
		Use:   "dev",
		Short: "Print the addresses of a running larder serve --dev",
		Long: `Print how to reach a server that larder serve --dev runs: the address of its private
Postgres, with the password, and its gRPC and HTTP ports. They stay the same when the
server is restarted, unless another program has taken a port.`,
		Example: `  larder dev
  psql "$(larder dev --postgres)"
  larder dev --data /var/tmp/larder-data --json`,
		Args: wrongArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			d, err := findDev(data)
			if err != nil {
				return err
			}
			w := cmd.OutOrStdout()
			switch {
			case asJSON:
				return encodeJSON(w, d)
			case postgres:
				_, err = fmt.Fprintln(w, d.Postgres)
				return err
			}
			fmt.Fprintf(w, "Postgres  %s\ngRPC      %s\nHTTP      http://%s\n", d.Postgres, d.GRPC, d.HTTP)
			if d.KeyFile != "" {
				fmt.Fprintf(w, "Key       %s\n", d.KeyFile)
			}
			fmt.Fprintln(w)
			where := ""
			if cmd.Flags().Changed("data") {
				where = " --data " + shellWord(data)
			}
			_, err = fmt.Fprintf(w, "To make tables: psql \"$(larder dev --postgres%s)\"\nTo apply:       larder apply DIR --addr %s\n", where, d.GRPC)
			return err
		},
	}
	f := cmd.Flags()
	f.StringVar(&data, "data", cmp.Or(os.Getenv("LARDER_DATA"), defaultSettings().Data), "the server's data folder; defaults to LARDER_DATA")
	f.BoolVar(&postgres, "postgres", false, "print only the address of Postgres, for scripts")
	f.BoolVar(&asJSON, "json", false, "print JSON")
	cmd.MarkFlagsMutuallyExclusive("postgres", "json")
	return cmd
}

// shellWord writes a word as a shell reads it.
func shellWord(word string) string {
	if plainWord.MatchString(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

var plainWord = regexp.MustCompile(`^[A-Za-z0-9_./-]+$`)

// findDev returns the addresses of the server of a data folder, if it runs.
func findDev(data string) (*devServer, error) {
	notRunning := fmt.Errorf("no larder serve --dev runs on the data folder %s; start one, or name another folder with --data", data)
	raw, err := os.ReadFile(filepath.Join(data, devFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, notRunning
	}
	if err != nil {
		return nil, err
	}
	d := new(devServer)
	if err := json.Unmarshal(raw, d); err != nil {
		return nil, fmt.Errorf("%s is damaged: %w; restart larder serve --dev", filepath.Join(data, devFile), err)
	}
	database, err := url.Parse(d.Postgres)
	switch {
	case err != nil || !listens(d.GRPC):
		return nil, notRunning // it was killed
	case !listens(database.Host):
		return nil, fmt.Errorf("larder serve --dev runs on the data folder %s, but its Postgres at %s has ended; restart larder serve --dev", data, database.Host)
	}
	return d, nil
}

func listens(address string) bool {
	const patience = time.Second
	conn, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		return false
	}
	return conn.Close() == nil
}
