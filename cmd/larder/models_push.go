package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/grpc/status"

	larderv1 "larder/api/larder/v1"
	larder "larder/client/go"
	"larder/schema"
	"larder/schema/modelfile"
)

func newModelPushCommand() *cobra.Command {
	req := &larderv1.PushModelRequest{AppliedBy: whoAmI()}
	var metrics, tags []string
	column := int32(-1)
	cmd := &cobra.Command{
		Use:   "push NAME FILE",
		Short: "Add an ONNX file as the next version of a model",
		Long: `Send an ONNX file to the registry, check that it fits the features that the model
reads, and make it the model's next version, on every server. It answers requests
that name it; with --promote, or as the first version, it answers all. A file that
is already a version is not added again.`,
		Example: `  larder models push fraud fraud.onnx --service fraud_v1
  larder models push fraud better.onnx --dataset ds_01 --metric auc=0.87 --tag team=risk --promote`,
		Args: wrongArgs(cobra.ExactArgs(2)),
	}
	c := bindClient(cmd)
	f := cmd.Flags()
	f.StringVar(&req.FeatureService, "service", "", "feature service that a new model reads; defaults to the one stamped into the file")
	f.StringVar(&req.Dataset, "dataset", "", "id or name of the training set of the model")
	f.StringArrayVar(&metrics, "metric", nil, "NAME=NUMBER to show beside the version; repeatable")
	f.StringArrayVar(&tags, "tag", nil, "KEY=TEXT to show beside the version; repeatable")
	f.BoolVar(&req.Serve, "promote", false, "make it the version that answers")
	f.StringVar(&req.Output, "output", "", "output of the model that holds the score; found if not given")
	f.Int32Var(&column, "column", column, "column of that output, from 0; found if not given")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := said(req, metrics, tags); err != nil {
			return usageError(err.Error())
		}
		if cmd.Flags().Changed("column") {
			req.Column = &column
		}
		return c.with(func(server *larder.Client) error {
			req.Model = args[0]
			answer, err := pushFile(cmd.Context(), server, req, args[1])
			switch reason := larder.Reason(err); reason {
			case string(schema.BadDefinitions), string(schema.BadModel):
				return fmt.Errorf("%s [%s]", ofPush(status.Convert(err).Message()), reason)
			}
			if err != nil || c.json {
				return orPrint(cmd.OutOrStdout(), answer, err)
			}
			printPushed(cmd.OutOrStdout(), req, answer)
			return nil
		})
	}
	return cmd
}

// ofPush puts what is wrong with a pushed model in the words of the command line.
func ofPush(problems string) string {
	lines := strings.Split(problems, "\n")
	for i, line := range lines {
		line = inModels.ReplaceAllString(line, "")
		line = strings.Replace(line, "as in column: ", "as in --column ", 1)
		lines[i] = strings.Replace(line, "as in output: ", "as in --output ", 1)
	}
	return strings.Join(lines, "\n")
}

// said reads NAME=NUMBER and KEY=TEXT into a request.
func said(req *larderv1.PushModelRequest, metrics, tags []string) error {
	req.Metrics, req.Tags = map[string]float64{}, map[string]string{}
	for _, m := range metrics {
		name, text, _ := strings.Cut(m, "=")
		value, err := strconv.ParseFloat(text, 64)
		if err != nil || name == "" {
			return fmt.Errorf("--metric %q is not NAME=NUMBER, as in auc=0.87", m)
		}
		req.Metrics[name] = value
	}
	for _, t := range tags {
		key, text, found := strings.Cut(t, "=")
		if !found || key == "" {
			return fmt.Errorf("--tag %q is not KEY=TEXT, as in team=risk", t)
		}
		req.Tags[key] = text
	}
	return nil
}

// pushFile sends a file, unless the registry has it, and makes it a version.
func pushFile(ctx context.Context, server *larder.Client, req *larderv1.PushModelRequest, path string) (*larderv1.PushModelResponse, error) {
	sum, err := fileSum(path)
	if err != nil {
		return nil, err
	}
	req.Sha256 = sum
	lacking, err := server.Control.HasModels(ctx, &larderv1.HasModelsRequest{Sha256: []string{sum}})
	if err != nil {
		return nil, err
	}
	if len(lacking.GetMissing()) > 0 {
		if err := sendModel(ctx, server, sum, path); err != nil {
			return nil, fmt.Errorf("send %s: %w", path, err)
		}
	}
	return server.Control.PushModel(ctx, req)
}

func fileSum(path string) (string, error) {
	file, err := modelfile.Read(path)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(file)
	return hex.EncodeToString(sum[:]), nil
}

func printPushed(w io.Writer, req *larderv1.PushModelRequest, a *larderv1.PushModelResponse) {
	if len(a.GetChanges()) == 0 {
		fmt.Fprintf(w, "This file is already version %d of model %s.\n", a.GetModelVersion(), req.GetModel())
		return
	}
	printApplied(w, &larderv1.ApplyResponse{Version: a.GetVersion(), Changes: a.GetChanges(), Models: []*larderv1.ModelReport{a.GetReport()}})
	fmt.Fprintf(w, "It is version %d of model %s. In a folder of definitions, write\n    %s\n", a.GetModelVersion(), req.GetModel(), a.GetDefinition())
}
