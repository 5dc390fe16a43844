package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	larderv1 "larder/api/larder/v1"
)

func newForgetCommand() *cobra.Command {
	var file string
	var yes bool
	cmd := &cobra.Command{
		Use:   "forget ENTITY KEY=VALUE...",
		Short: "Remove an entity everywhere, and report what was removed",
		Long: `Remove a key of an entity from the online stores and feature logs of all servers, and
from the tables of the registry and of streams. Rows of sources are deleted where the
source has forget: true; for the others the command prints the statements.

The report says what was removed, where and when. It has a hash of the key, and not the
key. If the command is cut short, run it again: it goes on. docs/forgetting.md says
what may be left elsewhere.`,
		Example: "  larder forget customer customer_id=42 > report.txt\n  larder forget card_at_shop card=c1 shop_id=7 --yes\n  larder forget customer --file keys.jsonl --yes --json",
		Args: wrongArgs(func(_ *cobra.Command, args []string) error {
			if len(args) == 0 || strings.Contains(args[0], "=") {
				return errors.New("name the entity before the keys")
			}
			if (len(args) > 1) == (file != "") {
				return errors.New("give exactly one of: the key as KEY=VALUE, --file")
			}
			return nil
		}),
	}
	cmd.Flags().StringVar(&file, "file", "", `a file with a key on each line, as JSON: {"customer_id": 42}; - is the standard input`)
	cmd.Flags().BoolVar(&yes, "yes", false, "don't ask")
	c := bindClient(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		req := &larderv1.ForgetRequest{Entity: args[0], RequestedBy: whoAmI()}
		var err error
		if file == "" {
			req.Words, err = keyWords(args[1:])
		} else {
			req.Keys, err = readKeyFile(cmd, file)
		}
		if err != nil {
			return err
		}
		return c.control(func(control larderv1.ControlServiceClient) error {
			if !yes && !(interactive() && file != "-" && ask(cmd.ErrOrStderr(), os.Stdin, fmt.Sprintf("This removes %s of entity %s everywhere, for good. Go on?", counted(max(len(req.GetKeys()), 1), "key"), args[0]))) {
				return errors.New("nothing was removed; give --yes to remove it without a question")
			}
			report, err := forgetKeys(cmd, control, req)
			if err != nil {
				return err
			}
			if c.json {
				return printJSON(cmd.OutOrStdout(), report)
			}
			return printForgotten(cmd.OutOrStdout(), report)
		})
	}
	return cmd
}

// readKeyFile reads the keys of a file; - is the standard input.
func readKeyFile(cmd *cobra.Command, file string) ([][]byte, error) {
	if file == "-" {
		return keyLines(cmd.InOrStdin())
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return keyLines(f)
}

// keyLines reads a JSON object from each line.
func keyLines(in io.Reader) (keys [][]byte, err error) {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		line := bytes.TrimSpace(lines.Bytes())
		if len(line) == 0 {
			continue
		}
		if !json.Valid(line) || line[0] != '{' {
			return nil, fmt.Errorf(`line %d is not a JSON object; write {"customer_id": 42}`, n)
		}
		keys = append(keys, bytes.Clone(line))
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(keys) == 0 {
		return nil, errors.New("the file has no keys")
	}
	return keys, nil
}

// keyWords reads the key of a command line.
func keyWords(words []string) (map[string]string, error) {
	key := map[string]string{}
	for _, word := range words {
		name, value, found := strings.Cut(word, "=")
		if !found || name == "" {
			return nil, usageError(fmt.Sprintf("%q is not KEY=VALUE", word))
		}
		if _, twice := key[name]; twice {
			return nil, usageError(name + " is given twice; for several keys give --file")
		}
		key[name] = value
	}
	return key, nil
}

// forgetKeys sends the request and shows what is waited for.
func forgetKeys(cmd *cobra.Command, control larderv1.ControlServiceClient, req *larderv1.ForgetRequest) (*larderv1.ForgetReport, error) {
	stream, err := control.Forget(cmd.Context(), req)
	if err != nil {
		return nil, err
	}
	shown, at := "", time.Now()
	for {
		answer, err := stream.Recv()
		if err != nil {
			return nil, err
		}
		if report := answer.GetReport(); report != nil {
			return report, nil
		}
		if step := answer.GetStep(); step != shown && (shown == "" || time.Since(at) >= progressAfter) {
			fmt.Fprintf(cmd.ErrOrStderr(), "%s\n", step)
			shown, at = step, time.Now()
		}
	}
}

// printForgotten prints a report.
func printForgotten(w io.Writer, r *larderv1.ForgetReport) error {
	resumed := ""
	if r.GetResumed() {
		resumed = ", as an earlier command had begun"
	}
	fmt.Fprintf(w, "Forgotten: %s of entity %s (%s)%s\n", counted(len(r.GetHashes()), "key"), r.GetEntity(), strings.Join(r.GetJoinKeys(), ", "), resumed)
	fmt.Fprintf(w, "Record:    %s\nRequested: %s by %s\nDone:      %s\n", r.GetId(), moment(r.GetRequestedAt()), r.GetRequestedBy(), moment(r.GetDoneAt()))
	for i, hash := range r.GetHashes() {
		if i == 0 {
			fmt.Fprintln(w, "Hashes of the keys (HMAC-SHA256):")
		}
		fmt.Fprintf(w, "  %s\n", hash)
	}
	fmt.Fprintln(w)
	var rows [][]string
	for _, p := range r.GetPlaces() {
		rows = append(rows, []string{p.GetPlace(), p.GetWhat(), fmt.Sprint(p.GetRemoved()), moment(p.GetAt()), p.GetNote()})
	}
	if len(rows) > 0 {
		if err := table(w, "PLACE WHAT REMOVED AT NOTE", rows); err != nil {
			return err
		}
	}
	for _, a := range r.GetAway() {
		fmt.Fprintf(w, "\nServer %s was away, seen last %s ago. It removes the keys when it starts.\n", a.GetServer(), (time.Duration(a.GetSeenAgo()) * time.Microsecond).Round(time.Second))
	}
	if len(r.GetStatements()) > 0 {
		fmt.Fprintln(w, "\nLeft to do, in the team's own tables (these lines have the keys):")
		for _, s := range r.GetStatements() {
			fmt.Fprint(w, s.GetSql())
		}
	}
	fmt.Fprintln(w, "\nWhat may be left:")
	for _, line := range r.GetRemains() {
		fmt.Fprintf(w, "  - %s\n", line)
	}
	return nil
}
