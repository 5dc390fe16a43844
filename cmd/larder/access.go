package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	larderv1 "larder/api/larder/v1"
	larder "larder/client/go"
)

func newAccessCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "access",
		Short: "Explain who may do what",
		Long: `Explain who may do what. Roles and bindings are definitions: larder list, larder show and
larder apply have them like all others.`,
		Example: `  larder access test key:checkout score model:fraud`,
		Args:    cobra.ArbitraryArgs, RunE: runSubcommand,
	}
	cmd.AddCommand(newAccessTestCommand())
	return cmd
}

func newAccessTestCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "test CALLER ACTION RESOURCE",
		Short: "Say whether a caller may do something, and why",
		Long: `Say whether a caller may do something, and which role and binding allow it. A caller is
key:NAME, certificate:NAME, user:NAME or group:NAME. A resource is KIND:NAME, KIND:* for
every one of a kind, or server. The exit code is 1 where it is not allowed.`,
		Example: `  larder access test key:checkout score model:fraud
  larder access test group:data-science train 'model:*'
  larder access test certificate:spiffe://example.com/checkout observe server`,
		Args: wrongArgs(cobra.ExactArgs(3)),
	}
	c := bindClient(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		var answer *larderv1.TestAccessResponse
		err := c.with(func(server *larder.Client) (err error) {
			answer, err = larderv1.NewAccessServiceClient(server.Conn()).TestAccess(cmd.Context(), &larderv1.TestAccessRequest{Caller: args[0], Action: args[1], Resource: args[2]})
			return err
		})
		if err != nil {
			return err
		}
		if c.json {
			err = orPrint(cmd.OutOrStdout(), answer, nil)
		} else {
			verdict := "may not"
			if answer.GetAllowed() {
				verdict = "may"
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s %s %s on %s\n  %s\n", args[0], verdict, args[1], args[2], strings.Join(answer.GetWhy(), "\n  "))
		}
		if err == nil && !answer.GetAllowed() {
			return fmt.Errorf("not allowed")
		}
		return err
	}
	return cmd
}
