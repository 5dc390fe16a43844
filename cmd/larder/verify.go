package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	larderv1 "larder/api/larder/v1"
)

func newVerifyCommand() *cobra.Command {
	req := new(larderv1.VerifyRequest)
	var all bool
	cmd := &cobra.Command{
		Use:   "verify [VIEW...]",
		Short: "Compare served values with those of a training set, key by key",
		Long: `Have the server read keys both ways: from its store, as a request does, and from
Postgres, as a training set does. Both read at the same times, and values, statuses
and ages must be equal to the bit. Without names, verify all views.

A key is stale when the store has the row that was due at the view's watermark and
the source has a newer one. Stale keys are not faults; the exit code is 1 when
anything else differs.`,
		Example: `  larder verify
  larder verify customer_spend --all
  larder verify --service fraud_v1 --sample 100000`,
	}
	f := cmd.Flags()
	f.StringVar(&req.FeatureService, "service", "", "verify the views of this feature service")
	f.Int64Var(&req.Sample, "sample", 10_000, "number of random keys of each view")
	f.BoolVar(&all, "all", false, "verify every key of each view")
	cmd.MarkFlagsMutuallyExclusive("sample", "all")
	c := bindClient(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if req.FeatureViews = args; len(args) > 0 && req.FeatureService != "" {
			return usageError("give feature views or --service, not both")
		}
		if all {
			req.Sample = 0
		} else if req.Sample < 1 {
			return usageError("--sample must be 1 or more; to compare every key, use --all")
		}
		return c.control(func(control larderv1.ControlServiceClient) error {
			p := showProgress(cmd, "verifying", "keys")
			last, err := followVerification(cmd.Context(), control, req, p)
			if err != nil {
				return err
			}
			if c.json {
				if err := printJSON(cmd.OutOrStdout(), last); err != nil {
					return err
				}
			} else if err := printVerification(cmd.OutOrStdout(), last.GetViews()); err != nil {
				return err
			}
			return faultsFound(last.GetViews())
		})
	}
	return cmd
}

// followVerification shows how far the server is, and returns what it found.
func followVerification(ctx context.Context, control larderv1.ControlServiceClient, req *larderv1.VerifyRequest, p *progress) (*larderv1.VerifyResponse, error) {
	defer p.end()
	stream, err := control.Verify(ctx, req)
	if err != nil {
		return nil, err
	}
	last := new(larderv1.VerifyResponse)
	for {
		msg, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return last, nil
		}
		if err != nil {
			return nil, err
		}
		last = msg
		var done, total int64
		for _, v := range msg.GetViews() {
			done, total = done+v.GetKeys(), total+v.GetKeysTotal()
		}
		p.set(done, total)
	}
}

func printVerification(w io.Writer, views []*larderv1.ViewVerification) error {
	var rows, features, differences [][]string
	now := time.Now()
	for _, v := range views {
		rows = append(rows, []string{
			v.GetFeatureView(), clock(v.GetTime(), now), count(v.GetKeys()), count(v.GetEqual()), count(v.GetMismatched()),
			count(v.GetMissing()), count(v.GetExtra()), count(v.GetStale()),
		})
		for _, f := range v.GetFeatures() {
			if f.GetMismatched() > 0 {
				features = append(features, []string{v.GetFeatureView() + ":" + f.GetFeature(), count(f.GetMismatched())})
			}
		}
		for _, d := range v.GetDifferences() {
			what := v.GetFeatureView()
			if d.GetFeature() != "" {
				what += ":" + d.GetFeature()
			}
			differences = append(differences, []string{d.GetKind(), d.GetKey(), what, d.GetOnline(), d.GetSource()})
		}
	}
	err := table(w, "VIEW AT KEYS EQUAL MISMATCHED MISSING EXTRA STALE", rows)
	if err == nil && len(features) > 0 {
		fmt.Fprintln(w)
		err = table(w, "FEATURE MISMATCHED", features)
	}
	if err == nil && len(differences) > 0 {
		fmt.Fprintln(w)
		err = table(w, "KIND KEY WHAT SERVED SOURCE", differences)
	}
	return err
}

// faultsFound is an error when anything differs that should not.
func faultsFound(views []*larderv1.ViewVerification) error {
	var faults, newer int64
	var logs []string // views of streams that differ
	for _, v := range views {
		found := v.GetMismatched() + v.GetMissing() + v.GetExtra()
		faults, newer = faults+found, newer+v.GetNewer()
		if found > 0 && v.GetFromLog() {
			logs = append(logs, v.GetFeatureView())
		}
	}
	const empty = "no run replaces them, as an older row never replaces a newer one (was the table emptied, or loaded again with older times?); " +
		"put tombstones for them into the source's deleted_column, or stop the server, remove its data folder, and start it: it is ready when it has refilled"
	differ := count(faults) + " keys differ"
	if faults == 1 {
		differ = "1 key differs"
	}
	switch {
	case faults == 0:
		return nil
	case len(logs) > 0:
		return fmt.Errorf("%s from the source; larder stream rebuild makes a view of a stream again from its log (%s), larder materialize --full reads other sources again", differ, strings.Join(logs, ", "))
	case newer == faults:
		return fmt.Errorf("%s from the source: their rows are newer than any that the source has; %s", differ, empty)
	case newer > 0:
		return fmt.Errorf("%s from the source; larder materialize --full reads the source again; %d of them have rows that are newer than any that the source has; %s", differ, newer, empty)
	}
	return fmt.Errorf("%s from the source; larder materialize --full reads the source again", differ)
}
