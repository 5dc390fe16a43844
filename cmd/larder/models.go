package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	larderv1 "larder/api/larder/v1"
)

func newModelsCommand() *cobra.Command {
	cmd := newModelListCommand("models", "List models and their versions; push, promote, retire them")
	cmd.Example = `  larder models
  larder models push fraud fraud.onnx --dataset ds_01 --metric auc=0.87 --promote
  larder models rollback fraud`
	list := newModelListCommand("list", "List models, their versions, and how each is scored")
	cmd.AddCommand(list, newModelPushCommand(), newModelShowCommand(), newModelPromoteCommand(), newModelRollbackCommand(), newModelRetireCommand(), newModelCompareCommand())
	cmd.AddCommand(newModelTrafficCommand(), newModelShadowCommand(), newModelResumeCommand(), newModelReleaseCommand())
	return cmd
}

func newModelListCommand(use, short string) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, Args: wrongArgs(cobra.NoArgs)}
	c := bindClient(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return c.control(func(control larderv1.ControlServiceClient) error {
			answer, err := control.ListModels(cmd.Context(), &larderv1.ListModelsRequest{})
			if err != nil || c.json {
				return orPrint(cmd.OutOrStdout(), answer, err)
			}
			return printModels(cmd.OutOrStdout(), answer)
		})
	}
	return cmd
}

// orPrint returns the error or prints the message as JSON.
func orPrint(w io.Writer, m proto.Message, err error) error {
	if err != nil {
		return err
	}
	return printJSON(w, m)
}

func printModels(w io.Writer, a *larderv1.ListModelsResponse) error {
	if len(a.GetModels()) == 0 {
		fmt.Fprintln(w, "no models yet; add one with larder models push or larder apply DIR")
		return nil
	}
	var rows [][]string
	for _, m := range a.GetModels() {
		for _, v := range m.GetVersions() {
			rows = append(rows, []string{
				m.GetModel(), fmt.Sprint(v.GetModelVersion()), paintState(w, versionState(m, v)), m.GetFeatureService(), few(v.GetInputs(), "inputs"),
				scoreText(v.GetReport()), count(v.GetSize()),
			})
		}
		if len(m.GetVersions()) == 0 {
			rows = append(rows, []string{m.GetModel(), "-", paintState(w, "no version yet"), m.GetFeatureService(), "", "", ""})
		}
	}
	return table(w, "MODEL VERSION STATE SERVICE INPUTS SCORE BYTES", rows)
}

// scoreText says where the score of a version is.
func scoreText(r *larderv1.ModelReport) string {
	if r.GetOutput() == "" {
		return "-"
	}
	return fmt.Sprintf("%s[%d]", r.GetOutput(), r.GetColumn())
}

func versionState(m *larderv1.ModelStatus, v *larderv1.ModelVersionStatus) string {
	says, shares := share(m, v.GetModelVersion())
	switch {
	case !v.GetLoaded():
		return "not loaded"
	case v.GetQuarantine() != "":
		return "quarantined"
	case shares:
		return says
	case v.GetModelVersion() == m.GetServe():
		return "serves"
	}
	return "loaded"
}

func newModelShowCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "show NAME",
		Short: "Show one model: its versions, with metrics and tags",
		Args:  wrongArgs(cobra.ExactArgs(1)),
	}
	c := bindClient(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return c.control(func(control larderv1.ControlServiceClient) error {
			answer, err := control.ListModels(cmd.Context(), &larderv1.ListModelsRequest{Model: args[0]})
			if err != nil {
				return err
			}
			m := answer.GetModels()[0]
			if c.json {
				return printJSON(cmd.OutOrStdout(), m)
			}
			return printModel(cmd.OutOrStdout(), m)
		})
	}
	return cmd
}

func printModel(w io.Writer, m *larderv1.ModelStatus) error {
	fmt.Fprintf(w, "model %s reads %s", m.GetModel(), m.GetFeatureService())
	if m.GetServe() != 0 {
		fmt.Fprintf(w, "; version %d serves", m.GetServe())
	}
	fmt.Fprintln(w)
	printTraffic(w, m)
	if s := m.GetSource(); s != nil {
		fmt.Fprintf(w, "follows %s, last checked %s", s.GetSource(), moment(s.GetLookedAt()))
		if s.GetAliasVersion() != 0 {
			fmt.Fprintf(w, ", which names version %d", s.GetAliasVersion())
		}
		fmt.Fprintln(w)
		if s.GetFault() != "" {
			fmt.Fprintf(w, "    %s\n", s.GetFault())
		}
	}
	var rows [][]string
	for _, v := range slices.Backward(m.GetVersions()) {
		from := v.GetFrom()
		if from == "" {
			from = "folder"
		}
		rows = append(rows, []string{
			fmt.Sprint(v.GetModelVersion()), paintState(w, versionState(m, v)), moment(v.GetAddedAt()), orDash(v.GetAddedBy()), from, orDash(v.GetDataset()),
			orDash(pairs(v.GetMetrics(), figure)), orDash(pairs(v.GetTags(), visible)), count(v.GetSize()), v.GetSha256()[:12],
		})
	}
	header, rows := withoutEmpty("VERSION STATE ADDED BY FROM DATASET METRICS TAGS BYTES SHA256", rows, "DATASET", "METRICS", "TAGS")
	if err := table(w, header, rows); err != nil {
		return err
	}
	fmt.Fprintln(w)
	printRunning(w, m)
	return nil
}

// printRunning says what scores each version that is loaded.
func printRunning(w io.Writer, m *larderv1.ModelStatus) {
	for _, v := range m.GetVersions() {
		if !v.GetLoaded() {
			continue
		}
		fmt.Fprintf(w, "version %d is scored by %s on %s", v.GetModelVersion(), v.GetEngine(), v.GetProvider())
		if v.GetBatching() {
			fmt.Fprint(w, ", in batches")
		}
		fmt.Fprintln(w)
		if outputs := v.GetReport().GetOutputs(); len(outputs) > 0 {
			fmt.Fprintf(w, "    outputs: %s\n", shapeTexts(outputs))
		}
		for _, skipped := range v.GetSkippedProviders() {
			fmt.Fprintf(w, "    not by %s\n", skipped)
		}
		if v.GetUnbatched() != "" {
			fmt.Fprintf(w, "    not in batches: %s\n", v.GetUnbatched())
		}
		if v.GetQuarantine() != "" {
			fmt.Fprintf(w, "    not run: %s\n", v.GetQuarantine())
		}
		for _, note := range v.GetReport().GetNotes() {
			fmt.Fprintf(w, "    %s\n", note)
		}
	}
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

// pairs returns a mapping as k=v k=v, by key.
func pairs[V any](m map[string]V, print func(V) string) string {
	said := make([]string, 0, len(m))
	for _, key := range slices.Sorted(maps.Keys(m)) {
		said = append(said, key+"="+print(m[key]))
	}
	return strings.Join(said, " ")
}
