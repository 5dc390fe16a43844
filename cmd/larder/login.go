package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"larder/access/login"
	larderv1 "larder/api/larder/v1"
	larder "larder/client/go"
)

func newLoginCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "login",
		Short: "Log in at the OIDC provider of a server",
		Long: `Log in at the OIDC provider of a server: open the page that is printed in a browser, on
any machine, and confirm the code. Commands that talk to this server then send the token,
unless they are given a key. It is renewed while the provider allows that, and kept in a
file that only you can read.`,
		Example: `  larder login --addr features.example.com:6570 --tls
  larder whoami --addr features.example.com:6570 --tls`,
		Args: wrongArgs(cobra.NoArgs),
	}
	c := bindClient(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c.anonymous = true // a key says already who calls
		var how *larderv1.GetLoginResponse
		err := c.with(func(server *larder.Client) (err error) {
			how, err = larderv1.NewAccessServiceClient(server.Conn()).GetLogin(cmd.Context(), &larderv1.GetLoginRequest{})
			return err
		})
		switch {
		case err != nil:
			return err
		case how.GetIssuer() == "":
			return fmt.Errorf("the server at %s takes no tokens of an OIDC provider; use an API key (--key-file), or start the server with --oidc-issuer", c.addr)
		case how.GetClientId() == "":
			return fmt.Errorf("the server at %s names no client for logins; start it with --oidc-client-id, or send a token of %s with --key-file", c.addr, how.GetIssuer())
		}
		store, err := login.Open()
		if err != nil {
			return err
		}
		session, err := login.Device(cmd.Context(), login.Server{Issuer: how.GetIssuer(), ClientID: how.GetClientId(), Audience: how.GetAudience()}, func(page, code string) {
			fmt.Fprintf(cmd.ErrOrStderr(), "Open %s in a browser and confirm the code %s there. Waiting ...\n", page, code)
		})
		if err != nil {
			return err
		}
		if err := store.Put(c.addr, session); err != nil {
			return err
		}
		c.anonymous = false
		return whoIs(cmd, c)
	}
	return cmd
}

func newLogoutCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "logout",
		Short: "Forget the login at a server",
		Args:  wrongArgs(cobra.NoArgs),
	}
	c := bindClient(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		store, err := login.Open()
		if err != nil {
			return err
		}
		return store.Put(c.addr, nil)
	}
	return cmd
}

func newWhoamiCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "whoami",
		Short: "Say who a server takes you for, and your roles there",
		Args:  wrongArgs(cobra.NoArgs),
	}
	c := bindClient(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return whoIs(cmd, c) }
	return cmd
}

// whoIs prints who the server takes its caller for.
func whoIs(cmd *cobra.Command, c *client) error {
	var who *larderv1.WhoAmIResponse
	err := c.with(func(server *larder.Client) (err error) {
		who, err = larderv1.NewAccessServiceClient(server.Conn()).WhoAmI(cmd.Context(), &larderv1.WhoAmIRequest{})
		return err
	})
	if err != nil || c.json {
		return orPrint(cmd.OutOrStdout(), who, err)
	}
	w := cmd.OutOrStdout()
	if who.GetCaller() == "" {
		_, err = fmt.Fprintln(w, "nobody: this server asks for no credentials, and lets everyone do everything")
		return err
	}
	_, err = fmt.Fprintf(w, "%s\nroles   %s\n", who.GetCaller(), orNone(who.GetRoles()))
	if len(who.GetGroups()) > 0 {
		_, more := fmt.Fprintf(w, "groups  %s\n", orNone(who.GetGroups()))
		err = errors.Join(err, more)
	}
	return err
}
