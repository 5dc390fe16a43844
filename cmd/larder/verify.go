package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	larderv1 "larder/api/larder/v1"
)

func newVerifyCommand() *cobra.Command {
	req := new(larderv1.VerifyRequest)
	var all bool
	cmd := &cobra.Command{
		Use:   "verify [VIEW...]",
		Short: "Compare what is served with what a training set would have, key by key",
		Long: `Have the server read keys both ways: from its store, as a request does, and from
Postgres, as a training set does. Both answer at the same times, and values are
compared bit for bit, statuses and ages too. Without names, all views.

A key is stale when the store has what was due at the view's watermark and the
source has something newer since; that is no fault. The exit code is 1 when
anything else differs.`,
		Example: `  larder verify
  larder verify customer_spend --all
  larder verify --service fraud_v1 --sample 100000`,
	}
	f := cmd.Flags()
	f.StringVar(&req.FeatureService, "service", "", "verify the views that this feature service reads")
	f.Int64Var(&req.Sample, "sample", 10_000, "how many keys of each view, picked at random")
	f.BoolVar(&all, "all", false, "every key of each view")
	cmd.MarkFlagsMutuallyExclusive("sample", "all")
	c := bindClient(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if req.FeatureViews = args; len(args) > 0 && req.FeatureService != "" {
			return usageError("name feature views or a --service, not both")
		}
		if all {
			req.Sample = 0
		} else if req.Sample < 1 {
			return usageError("--sample counts from 1; --all compares every key")
		}
		return c.control(func(control larderv1.ControlServiceClient) error {
			p := newProgress(cmd.ErrOrStderr(), onTerminal(os.Stderr), "verifying", "keys")
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
			done, total = done+v.GetKeys(), total+max(v.GetKeys(), v.GetKeysTotal())
		}
		p.set(done, total)
	}
}

func printVerification(w io.Writer, views []*larderv1.ViewVerification) error {
	var rows, features, differences [][]string
	for _, v := range views {
		rows = append(rows, []string{
			v.GetFeatureView(), moment(v.GetTime()), fmt.Sprint(v.GetKeys()), fmt.Sprint(v.GetEqual()), fmt.Sprint(v.GetMismatched()),
			fmt.Sprint(v.GetMissing()), fmt.Sprint(v.GetExtra()), fmt.Sprint(v.GetStale()),
		})
		for _, f := range v.GetFeatures() {
			if f.GetMismatched() > 0 {
				features = append(features, []string{v.GetFeatureView() + ":" + f.GetFeature(), fmt.Sprint(f.GetMismatched())})
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
	var faults int64
	for _, v := range views {
		faults += v.GetMismatched() + v.GetMissing() + v.GetExtra()
	}
	if faults == 0 {
		return nil
	}
	return fmt.Errorf("%d keys are not served as the source has them; `larder materialize --full` reads a view's source again", faults)
}
