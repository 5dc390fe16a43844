package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/grpc/status"

	larderv1 "larder/api/larder/v1"
	larder "larder/client/go"
	"larder/column"
	"larder/column/wire"
	"larder/schema"
)

func newGetCommand() *cobra.Command {
	var at string
	var features []string
	var values requested
	cmd := &cobra.Command{
		Use:   "get [SERVICE] KEY=VALUE[,VALUE...]...",
		Short: "Read features of one or several entities",
		Example: `  larder get fraud_v1 customer_id=42 terminal_id=7 --request amount=12.5
  larder get --features customer_spend:txn_count_7d,customer_spend:avg_amount_7d customer_id=42,43
  larder get fraud_v1 customer_id=42 terminal_id=7 --request amount=1 --at 2026-01-31T10:00:00Z`,
	}
	cmd.Flags().StringVar(&at, "at", "", "read as of this time (RFC 3339)")
	cmd.Flags().StringSliceVar(&features, "features", nil, "read these features (VIEW:FEATURE or VIEW:*) instead of a service")
	cmd.Flags().Var(&values, "request", "request values, one per row: NAME=VALUE[,VALUE...]; repeatable")
	c := bindClient(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		req, shape := &larderv1.GetFeaturesRequest{}, &larderv1.GetPlanRequest{}
		if len(features) > 0 {
			list := &larderv1.FeatureList{References: features}
			req.What, shape.What = &larderv1.GetFeaturesRequest_Features{Features: list}, &larderv1.GetPlanRequest_Features{Features: list}
		} else {
			service, rest, err := firstName("feature service", args)
			if err != nil {
				return err
			}
			args = rest
			req.What, shape.What = &larderv1.GetFeaturesRequest_FeatureService{FeatureService: service}, &larderv1.GetPlanRequest_FeatureService{FeatureService: service}
		}
		var err error
		if req.At, err = parseMoment("--at", at); err != nil {
			return err
		}
		return c.ask(cmd.Context(), shape, args, values, func(serving larderv1.ServingServiceClient, entities, request []*larderv1.Column) error {
			req.Entities, req.Request = entities, request
			answer, err := serving.GetFeatures(cmd.Context(), req)
			if err != nil {
				return err
			}
			if c.json {
				return printJSON(cmd.OutOrStdout(), answer)
			}
			return printFeatures(cmd.OutOrStdout(), entities, answer.GetFeatures(), answer.GetReads())
		})
	}
	return cmd
}

func newScoreCommand() *cobra.Command {
	var at string
	var values requested
	req := new(larderv1.GetFeaturesAndScoreRequest)
	cmd := &cobra.Command{
		Use:   "score MODEL KEY=VALUE[,VALUE...]...",
		Short: "Read features of one or several entities and score them",
		Example: `  larder score fraud customer_id=42 terminal_id=7 --request amount=12.5
  larder score fraud customer_id=42,43 terminal_id=7,7 --request amount=12.5,900 --features
  larder score churn customer_id=42 --outputs label,probabilities`,
	}
	cmd.Flags().StringVar(&at, "at", "", "read as of this time (RFC 3339)")
	cmd.Flags().Var(&values, "request", "request values, one per row: NAME=VALUE[,VALUE...]; repeatable")
	cmd.Flags().Int64Var(&req.ModelVersion, "version", 0, "version of the model; defaults to the one that serves")
	cmd.Flags().BoolVar(&req.ReturnFeatures, "features", false, "also show the features that were scored")
	cmd.Flags().StringSliceVar(&req.Outputs, "outputs", nil, "outputs of the model to show, by their names in its file; '*' for all. A model without a score shows all of them")
	cmd.Flags().StringVar(&req.RequestId, "request-id", "", "id of the request in the feature log; random when not given")
	c := bindClient(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		model, keys, err := firstName("model", args)
		if err != nil {
			return err
		}
		req.Model = model
		if req.At, err = parseMoment("--at", at); err != nil {
			return err
		}
		shape := &larderv1.GetPlanRequest{What: &larderv1.GetPlanRequest_Model{Model: model}, ModelVersion: req.GetModelVersion()}
		return c.ask(cmd.Context(), shape, keys, values, func(serving larderv1.ServingServiceClient, entities, request []*larderv1.Column) error {
			req.Entities, req.Request = entities, request
			answer, err := serving.GetFeaturesAndScore(cmd.Context(), req)
			if err != nil {
				return err
			}
			if c.json {
				return printJSON(cmd.OutOrStdout(), answer)
			}
			return printScores(cmd.OutOrStdout(), entities, answer)
		})
	}
	return cmd
}

func firstName(noun string, args []string) (name string, rest []string, err error) {
	if len(args) == 0 || strings.Contains(args[0], "=") {
		return "", nil, usageError(fmt.Sprintf("name the %s before the keys", noun))
	}
	return args[0], args[1:], nil
}

// ask learns from the server what a request must bring, types the words of the
// command line by it, and calls do.
func (c *client) ask(ctx context.Context, shape *larderv1.GetPlanRequest, keys []string, values requested,
	do func(serving larderv1.ServingServiceClient, entities, request []*larderv1.Column) error,
) error {
	var named requested
	for _, word := range keys {
		if err := named.add(word); err != nil {
			return usageError(err.Error())
		}
	}
	server, err := c.dial()
	if err != nil {
		return err
	}
	defer server.Close()
	plan, err := server.Control.GetPlan(ctx, shape)
	if err != nil {
		return err
	}
	entities, err := typedColumns("join key", named, plan.GetKeys())
	if err != nil {
		return err
	}
	if missing := missingNames(named, plan.GetKeys()); len(missing) > 0 {
		return usageError(fmt.Sprintf("missing %s; add %s=VALUE", strings.Join(missing, " and "), strings.Join(missing, "=VALUE ")))
	}
	request, err := typedColumns("request value", values, mayCome(plan))
	if err != nil {
		return err
	}
	err = do(server.Serving, entities, request)
	if missing := missingNames(values, plan.GetRequest()); larder.Reason(err) == string(schema.MissingRequestValue) && len(missing) > 0 {
		return usageError(fmt.Sprintf("%s; add --request %s=VALUE", status.Convert(err).Message(), strings.Join(missing, "=VALUE --request ")))
	}
	return err
}

// mayCome returns what a request may bring: the request values, and stored features that
// it overrides.
func mayCome(plan *larderv1.GetPlanResponse) []*larderv1.Field {
	stored := slices.DeleteFunc(slices.Clone(plan.GetFeatures()), func(f *larderv1.Field) bool { return strings.HasPrefix(f.GetName(), "request:") })
	return slices.Concat(plan.GetRequest(), stored)
}

// missingNames returns the names of fields that were not given.
func missingNames(given requested, fields []*larderv1.Field) (names []string) {
	for _, f := range fields {
		if !slices.ContainsFunc(given, func(g namedText) bool { return g.name == f.GetName() }) {
			names = append(names, f.GetName())
		}
	}
	return names
}

// typedColumns reads values as the types that the server names.
func typedColumns(noun string, given requested, fields []*larderv1.Field) (columns []*larderv1.Column, err error) {
	for _, g := range given {
		column, err := typedColumn(noun, g, fields)
		if err != nil {
			return nil, err
		}
		columns = append(columns, column)
	}
	return columns, nil
}

// typedColumn reads values parted by commas as the type that the server names.
func typedColumn(noun string, given namedText, fields []*larderv1.Field) (*larderv1.Column, error) {
	name, text := given.name, given.values
	at := slices.IndexFunc(fields, func(f *larderv1.Field) bool { return f.GetName() == name })
	if at < 0 {
		names := make([]string, len(fields))
		for i, f := range fields {
			names[i] = f.GetName()
		}
		return nil, usageError(fmt.Sprintf("no %s %q; %s", noun, name, schema.Nearest(name, names)))
	}
	t, err := schema.ParseType(fields[at].GetType())
	if err != nil {
		return nil, fmt.Errorf("%s: %w; use the same version of larder as the server", name, err)
	}
	if t.IsList() {
		return nil, usageError(fmt.Sprintf("%s is %s, which the command line can't express; use gRPC or HTTP", name, t))
	}
	values := column.Column{Type: t}
	for _, word := range strings.Split(text, ",") {
		raw := json.RawMessage(word)
		if t == schema.String || t == schema.Bytes || t == schema.Timestamp || t.IsFloat() && !isNumber(word) {
			if raw, err = json.Marshal(word); err != nil {
				return nil, err
			}
		}
		v, err := schema.ParseValue(t, raw)
		if err != nil {
			return nil, usageError(fmt.Sprintf("%s: %v", name, err))
		}
		values.AppendValue(v)
	}
	return wire.Write([]column.Column{values}, func(int) string { return name })[0], nil
}

func isNumber(word string) bool { return json.Valid([]byte(word)) }

// printFeatures prints a line per row and feature.
func printFeatures(w io.Writer, entities, features []*larderv1.Column, reads []*larderv1.ViewRead) error {
	var rows [][]string
	for r := range columnRows(entities) {
		for _, f := range features {
			rows = append(rows, []string{rowKey(entities, r), f.GetName(), valueText(f, r), statusText(f.GetStatuses()[r]), ageText(f.GetName(), reads, r)})
		}
	}
	return table(w, "KEY FEATURE VALUE STATUS AGE", rows)
}

// printScores prints a line per row, with the score and the outputs in columns.
func printScores(w io.Writer, entities []*larderv1.Column, a *larderv1.GetFeaturesAndScoreResponse) error {
	heads := []string{"KEY"}
	if len(a.GetScores()) > 0 {
		heads = append(heads, "SCORE")
	}
	for _, o := range a.GetOutputs() {
		heads = append(heads, outputHeads(o)...)
	}
	heads = append(heads, "MODEL_VERSION", "CATALOG_VERSION")
	var rows [][]string
	for r := range columnRows(entities) {
		row := []string{rowKey(entities, r)}
		if len(a.GetScores()) > 0 {
			row = append(row, fmt.Sprint(a.GetScores()[r]))
		}
		for _, o := range a.GetOutputs() {
			row = append(row, outputTexts(o, r)...)
		}
		version := a.GetModelVersion()
		if versions := a.GetModelVersions(); len(versions) > 0 { // traffic was split
			version = versions[r]
		}
		rows = append(rows, append(row, fmt.Sprint(version), fmt.Sprint(a.GetCatalogVersion())))
	}
	if err := table(w, strings.Join(heads, " "), rows); err != nil {
		return err
	}
	if id := a.GetRequestId(); id != "" {
		fmt.Fprintln(w, "logged as request", id)
	}
	if len(a.GetFeatures()) == 0 {
		return nil
	}
	fmt.Fprintln(w)
	return printFeatures(w, entities, a.GetFeatures(), a.GetReads())
}

func statusText(s larderv1.Status) string { return strings.TrimPrefix(s.String(), "STATUS_") }

func ageText(feature string, reads []*larderv1.ViewRead, r int) string {
	view, _, _ := strings.Cut(feature, ":")
	for _, read := range reads {
		if read.GetFeatureView() == view && read.GetStatuses()[r] != larderv1.Status_STATUS_NOT_FOUND {
			return span(read.GetAges()[r])
		}
	}
	return "-"
}

func rowKey(entities []*larderv1.Column, r int) string {
	parts := make([]string, len(entities))
	for i, e := range entities {
		parts[i] = e.GetName() + "=" + valueText(e, r)
	}
	return strings.Join(parts, " ")
}
