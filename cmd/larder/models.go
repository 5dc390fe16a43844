package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	larderv1 "larder/api/larder/v1"
)

func newModelsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "models",
		Short: "List models, their versions, and how each is scored",
		Args:  wrongArgs(cobra.NoArgs),
	}
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
		fmt.Fprintln(w, "no models yet; larder apply DIR brings some")
		return nil
	}
	var rows [][]string
	for _, m := range a.GetModels() {
		for _, v := range m.GetVersions() {
			state := "loaded"
			switch {
			case !v.GetLoaded():
				state = "not loaded"
			case v.GetModelVersion() == m.GetServe():
				state = "serves"
			}
			rows = append(rows, []string{
				m.GetModel(), fmt.Sprint(v.GetModelVersion()), state, m.GetFeatureService(), strings.Join(v.GetInputs(), ", "),
				fmt.Sprintf("%s[%d]", v.GetReport().GetOutput(), v.GetReport().GetColumn()), fmt.Sprint(v.GetSize()), v.GetSha256()[:12],
			})
		}
	}
	return table(w, "MODEL VERSION STATE SERVICE INPUTS SCORE BYTES SHA256", rows)
}
