package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"larder/access/audit"
	larderv1 "larder/api/larder/v1"
	larder "larder/client/go"
	control "larder/control/access"
	"larder/schema"
)

func newAuditCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "audit [FILE...]",
		Short: "Print the audit trail, and check that nobody changed it",
		Long: `Print the audit trail: who changed or read what on the control plane, from where, and
what was refused. Each record has the hash of the one before it; a record that was changed
or taken out is found, and the exit code is then 1.

Without --file the server's trail in Postgres is read. --file reads files of a server's
data folder (audit/*.jsonl), or copies of them.`,
		Example: `  larder audit --since 24h
  larder audit --caller key:checkout --refused
  larder audit --file larder-data/audit/*.jsonl`,
		Args: cobra.ArbitraryArgs,
	}
	c := bindClient(cmd)
	var since, until, caller, action string
	var refused, file bool
	cmd.Flags().StringVar(&since, "since", "24h", "only records of this long ago or less, as in 24h or 30d; or from a time, as in 2026-01-31T12:00:00Z")
	cmd.Flags().StringVar(&until, "until", "", "only records before a time, written like --since")
	cmd.Flags().StringVar(&caller, "caller", "", "only those of a caller, as in key:checkout")
	cmd.Flags().StringVar(&action, "action", "", "only those of an action, as in apply")
	cmd.Flags().BoolVar(&refused, "refused", false, "only what was refused")
	cmd.Flags().BoolVar(&file, "file", false, "read the files that are named instead")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if !file && len(args) > 0 {
			return usageError(fmt.Sprintf("too many arguments: %q; name files after --file", args[0]))
		}
		if file && len(args) == 0 {
			return usageError("--file needs the names of files, such as larder-data/audit/*.jsonl")
		}
		req := &larderv1.ReadAuditRequest{Caller: caller, Action: action, Refused: refused}
		for text, into := range map[string]*int64{since: &req.Since, until: &req.Until} {
			at, err := pastTime(text)
			if err != nil {
				return usageError(err.Error())
			}
			*into = at
		}
		p := &auditPrinter{w: cmd.OutOrStdout(), json: c.json}
		if file {
			return p.files(args, req)
		}
		return c.with(func(server *larder.Client) error {
			stream, err := larderv1.NewAccessServiceClient(server.Conn()).ReadAudit(cmd.Context(), req)
			if err != nil {
				return err
			}
			for {
				answer, err := stream.Recv()
				if errors.Is(err, io.EOF) {
					return p.end()
				}
				if err != nil {
					return err
				}
				for _, r := range answer.GetRecords() {
					if err := p.record(r); err != nil {
						return err
					}
				}
				p.check = answer.GetCheck()
			}
		})
	}
	return cmd
}

// pastTime reads a time, or how long ago it was; 0 for "".
func pastTime(text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at.UnixMicro(), nil
	}
	d, err := schema.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("%q is neither a duration such as 24h or 30d nor a time such as 2026-01-31T12:00:00Z", text)
	}
	return time.Now().Add(-time.Duration(d)).UnixMicro(), nil
}

// An auditPrinter prints records as they come.
type auditPrinter struct {
	w       io.Writer
	json    bool
	printed int
	check   *larderv1.AuditCheck
}

func (p *auditPrinter) record(r *larderv1.AuditRecord) error {
	p.printed++
	if p.json {
		return orPrint(p.w, r, nil)
	}
	who := r.GetCaller()
	if who == "" {
		who = "nobody"
	}
	if r.GetOutcome() == "started" {
		who = "server"
	}
	line := []string{time.UnixMicro(r.GetAt()).UTC().Format("2006-01-02 15:04:05"), r.GetOutcome(), who}
	for _, part := range []string{r.GetAction(), strings.Join(r.GetResources(), ","), r.GetMethod(), r.GetCode()} {
		if part != "" {
			line = append(line, part)
		}
	}
	if r.GetFrom() != "" {
		line = append(line, "from "+r.GetFrom())
	}
	if r.GetCount() > 1 {
		line = append(line, "x"+strconv.FormatInt(r.GetCount(), 10))
	}
	if r.GetRequestId() != "" {
		line = append(line, "["+r.GetRequestId()+"]")
	}
	_, err := fmt.Fprintln(p.w, strings.Join(line, "  "))
	return err
}

// end prints whether the trail is whole.
func (p *auditPrinter) end() error {
	if p.check == nil {
		return errors.New("the server did not say whether the trail is whole; ask again")
	}
	if p.json {
		if err := orPrint(p.w, p.check, nil); err != nil {
			return err
		}
	} else {
		state := "whole"
		if len(p.check.GetFaults()) > 0 {
			state = "NOT whole"
		}
		fmt.Fprintf(p.w, "%d of %d records, %d chains: %s\n", p.printed, p.check.GetRecords(), p.check.GetChains(), state)
		for _, fault := range p.check.GetFaults() {
			fmt.Fprintln(p.w, "  "+fault)
		}
	}
	if len(p.check.GetFaults()) > 0 {
		return errors.New("the audit trail was changed")
	}
	return nil
}

func (p *auditPrinter) files(names []string, req *larderv1.ReadAuditRequest) error {
	c := audit.NewChecker()
	for _, name := range names {
		if err := p.file(c, name, req); err != nil {
			return err
		}
	}
	p.check = control.CheckMessage(c)
	return p.end()
}

func (p *auditPrinter) file(c *audit.Checker, name string, req *larderv1.ReadAuditRequest) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	var failed error
	err = c.ReadFile(f, name, func(r *audit.Record) bool {
		m := control.AuditMessage(r)
		if control.Wanted(m, req) {
			failed = p.record(m)
		}
		return failed == nil
	})
	return errors.Join(failed, err)
}
