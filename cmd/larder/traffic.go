package main

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc/status"

	larderv1 "larder/api/larder/v1"
	larder "larder/client/go"
	"larder/schema"
)

func newModelTrafficCommand() *cobra.Command {
	req := &larderv1.SetTrafficRequest{}
	var ramp, over string
	var guards []string
	cmd := &cobra.Command{
		Use:   "traffic NAME VERSION=PERCENT...",
		Short: "Split the traffic of a model among versions",
		Long: `Split the traffic of a model among versions; the first is the control. The same
value of --split-by always goes to the same version, on every server, and raising a
weight moves as few values as possible. Without --ramp, a ramp ends.`,
		Example: `  larder models traffic fraud 3=95 4=5 --split-by customer_id
  larder models traffic fraud 3=95 4=5 --ramp 4=50 --over 2d --guard error_share=0.01 --guard latency_ratio=2`,
		Args: wrongArgs(cobra.MinimumNArgs(2)),
	}
	cmd.Flags().StringVar(&req.SplitBy, "split-by", "", "join key or request value to split by; defaults to that of the current split")
	cmd.Flags().StringVar(&req.Salt, "salt", "", "text to hash before the value; defaults to that of the current split or the model's name")
	cmd.Flags().StringVar(&ramp, "ramp", "", "VERSION=PERCENT: raise the weight of this version to this share")
	cmd.Flags().StringVar(&over, "over", "1d", "how long the ramp takes")
	cmd.Flags().StringArrayVar(&guards, "guard", nil, "NAME=VALUE that stops the ramp when exceeded: error_share, latency_ratio, score_distance, missing_share; also window (seconds) and min_requests")
	c := bindClient(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		req.Model, req.AppliedBy = args[0], whoAmI()
		for _, arg := range args[1:] {
			w, err := versionWeight(arg)
			if err != nil {
				return err
			}
			req.Weights = append(req.Weights, w)
		}
		var err error
		if req.Ramp, err = rampSettings(ramp, over, guards); err != nil {
			return err
		}
		return c.setTraffic(cmd, req)
	}
	return cmd
}

func (c *client) setTraffic(cmd *cobra.Command, req *larderv1.SetTrafficRequest) error {
	return c.control(func(control larderv1.ControlServiceClient) error {
		answer, err := control.SetTraffic(cmd.Context(), req)
		if larder.Reason(err) == string(schema.BadDefinitions) {
			return errors.New(ofTraffic(status.Convert(err).Message()))
		}
		if err != nil || c.json {
			return orPrint(cmd.OutOrStdout(), answer, err)
		}
		printApplied(cmd.OutOrStdout(), &larderv1.ApplyResponse{Version: answer.GetVersion(), Changes: answer.GetChanges()})
		return nil
	})
}

// ofTraffic puts what definitions lack in the words of the command line.
func ofTraffic(problems string) string {
	lines := strings.Split(problems, "\n")
	for i, line := range lines {
		line = inModels.ReplaceAllString(line, "")
		line = strings.Replace(line, "write split_by: and one of", "add --split-by with one of", 1)
		lines[i] = strings.Replace(line, "write log: {rate: 1}", "add log: {rate: 1} to the model's definition", 1)
	}
	return strings.Join(lines, "\n")
}

// inModels finds where in definitions a problem is, which nobody wrote.
var inModels = regexp.MustCompile(`^models\[\d+\][^ :]*: `)

func versionWeight(arg string) (*larderv1.VersionWeight, error) {
	version, weight, found := strings.Cut(arg, "=")
	number, err := versionNumber(version)
	if !found || err != nil {
		return nil, usageError(fmt.Sprintf("%q is not a share of the traffic; write VERSION=PERCENT, as in 4=5", arg))
	}
	percent, err := strconv.ParseFloat(weight, 64)
	if err != nil {
		return nil, usageError(fmt.Sprintf("%q is not a share of the traffic; write VERSION=PERCENT, as in 4=5", arg))
	}
	return &larderv1.VersionWeight{ModelVersion: number, Weight: percent}, nil
}

// rampSettings reads the flags of a ramp; nil without one.
func rampSettings(ramp, over string, guards []string) (*larderv1.RampSettings, error) {
	if ramp == "" {
		if len(guards) > 0 {
			return nil, usageError("--guard needs a ramp; add --ramp VERSION=PERCENT")
		}
		return nil, nil
	}
	to, err := versionWeight(ramp)
	if err != nil {
		return nil, err
	}
	takes, err := schema.ParseDuration(over)
	if err != nil {
		return nil, usageError(fmt.Sprintf("--over: %v", err))
	}
	out := &larderv1.RampSettings{ModelVersion: to.GetModelVersion(), To: to.GetWeight(), Over: takes.Micros(), Guards: map[string]float64{}}
	for _, guard := range guards {
		name, value, _ := strings.Cut(guard, "=")
		if out.Guards[name], err = strconv.ParseFloat(value, 64); err != nil {
			return nil, usageError(fmt.Sprintf("%q is not a guard; write NAME=NUMBER, as in error_share=0.01", guard))
		}
	}
	return out, nil
}

func newModelShadowCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "shadow NAME [VERSION...]",
		Short: "Let versions score requests without answering them",
		Args:  wrongArgs(cobra.MinimumNArgs(1)),
	}
	c := bindClient(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		shadow := &larderv1.ShadowSettings{}
		for _, arg := range args[1:] {
			version, err := versionNumber(arg)
			if err != nil {
				return err
			}
			shadow.ModelVersions = append(shadow.ModelVersions, version)
		}
		return c.setTraffic(cmd, &larderv1.SetTrafficRequest{Model: args[0], Shadow: shadow, AppliedBy: whoAmI()})
	}
	return cmd
}

func newModelResumeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "resume NAME",
		Short: "Restart a ramp that a guard stopped",
		Args:  wrongArgs(cobra.ExactArgs(1)),
	}
	c := bindClient(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return c.control(func(control larderv1.ControlServiceClient) error {
			answer, err := control.ResumeRamp(cmd.Context(), &larderv1.ResumeRampRequest{Model: args[0]})
			if err != nil || c.json {
				return orPrint(cmd.OutOrStdout(), answer, err)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "Restarted the ramp of model %s.\n", args[0])
			return nil
		})
	}
	return cmd
}

// share says what a version of a model does, when its traffic is split or it is a
// shadow.
func share(m *larderv1.ModelStatus, version int64) (says string, found bool) {
	for i, w := range m.GetTraffic().GetWeights() {
		if w.GetModelVersion() != version {
			continue
		}
		if i == 0 {
			return fmt.Sprintf("%v %%, control", w.GetWeight()), true
		}
		return fmt.Sprintf("%v %%", w.GetWeight()), true
	}
	return "shadow", slices.Contains(m.GetShadow(), version)
}

// printTraffic says how the traffic of a model is split, and how its ramp stands.
func printTraffic(w io.Writer, m *larderv1.ModelStatus) {
	t := m.GetTraffic()
	if t == nil {
		return
	}
	fmt.Fprintf(w, "traffic is split by %s, salt %s\n", t.GetSplitBy(), t.GetSalt())
	r := t.GetRamp()
	if r == nil {
		return
	}
	fmt.Fprintf(w, "version %d goes from %v %% to %v %% over %s", r.GetModelVersion(), r.GetFrom(), r.GetTo(), schema.Duration(time.Duration(r.GetOver())*time.Microsecond))
	if r.GetBegan() != 0 {
		fmt.Fprintf(w, ", since %s", moment(r.GetBegan()))
	}
	fmt.Fprintln(w)
	if r.GetTrippedAt() != 0 {
		fmt.Fprintf(w, "TRIPPED at %s on %s: %s\n    its traffic goes to the control; restart the ramp with larder models resume %s\n", moment(r.GetTrippedAt()), r.GetTrippedBy(), r.GetReason(), m.GetModel())
	}
}
