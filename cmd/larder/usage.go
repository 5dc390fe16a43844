package main

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"larder/schema"
)

// A usageError is a command line that can't be right.
type usageError string

func (e usageError) Error() string { return string(e) }

// printUsage says how a command is called, below an error.
func printUsage(w io.Writer, cmd *cobra.Command) {
	if !cmd.HasParent() {
		fmt.Fprintf(w, "usage: %[1]s COMMAND\n       %[1]s --help lists the commands\n", cmd.Name())
		return
	}
	fmt.Fprintf(w, "usage: %s\n       %s --help explains and has examples\n", cmd.UseLine(), cmd.CommandPath())
}

// isUsage reports whether an error is the command line's fault.
func isUsage(err error) bool {
	var usage usageError
	return errors.As(err, &usage) || strings.HasPrefix(err.Error(), "unknown command ") // cobra has no type for it
}

// wrongArgs makes complaints about arguments usage errors, in words that name what is
// missing.
func wrongArgs(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		err := check(cmd, args)
		switch {
		case err == nil:
			return nil
		case strings.HasPrefix(err.Error(), "unknown command ") && cmd.HasSubCommands():
			return usageError(unknownCommand(cmd, args[0]))
		case !countsArgs.MatchString(err.Error()):
			return usageError(err.Error())
		}
		names := arguments(cmd.Use)
		if len(args) < len(names) {
			return usageError("missing " + strings.Join(names[len(args):], " and "))
		}
		optional := optionalArguments(cmd.Use)
		most := min(len(names)+len(optional), len(args)-1)
		return usageError(fmt.Sprintf("too many arguments: %q; %s takes %s", args[most], cmd.CommandPath(), orNone(append(names, optional...))))
	}
}

// countsArgs finds cobra's complaints about the number of arguments.
var countsArgs = regexp.MustCompile(`^(accepts|requires|unknown command) `)

// arguments returns the arguments of a Use line that are needed: those without brackets
// that belong to no flag.
func arguments(use string) (names []string) {
	words := strings.Fields(use)[1:]
	for i, word := range words {
		ofFlag := i > 0 && strings.HasPrefix(words[i-1], "--")
		if !strings.ContainsAny(word, "[]") && !strings.HasPrefix(word, "--") && !ofFlag {
			names = append(names, word)
		}
		if name, _, repeats := strings.Cut(word, "[,"); repeats { // KEY=VALUE[,VALUE...]...
			names = append(names, name)
		}
	}
	return names
}

// optionalArguments returns the arguments of a Use line that may be left out, as in [RUN].
func optionalArguments(use string) (names []string) {
	for _, word := range strings.Fields(use)[1:] {
		if optionalArgument.MatchString(word) {
			names = append(names, word)
		}
	}
	return names
}

var optionalArgument = regexp.MustCompile(`^\[[A-Z]+\]$`)

func orNone(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, " ")
}

// unknownCommand says which subcommands there are.
func unknownCommand(cmd *cobra.Command, word string) string {
	return fmt.Sprintf("%s has no command %q; %s", cmd.CommandPath(), word, schema.Nearest(word, subcommands(cmd)))
}

func subcommands(cmd *cobra.Command) (names []string) {
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			names = append(names, sub.Name())
		}
	}
	return names
}

// newHelpCommand is cobra's, but a command that doesn't exist is wrong usage.
func newHelpCommand(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Explain a command",
		RunE: func(_ *cobra.Command, args []string) error {
			cmd, rest, err := root.Find(args)
			if err != nil || len(rest) > 0 {
				return usageError(unknownCommand(root, strings.Join(args, " ")))
			}
			cmd.InitDefaultHelpFlag()
			return cmd.Help()
		},
	}
}

// runSubcommand is what a command does that has only subcommands.
func runSubcommand(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError(unknownCommand(cmd, args[0]))
	}
	return usageError(fmt.Sprintf("name what %s should do: %s", cmd.CommandPath(), strings.Join(subcommands(cmd), " or ")))
}

// checkFlags reports flags that are missing or contradict each other, before cobra does in
// its own words and with exit code 1.
func checkFlags(cmd *cobra.Command, _ []string) error {
	for _, err := range []error{cmd.ValidateRequiredFlags(), cmd.ValidateFlagGroups()} {
		if err != nil {
			return usageError(flagComplaint(err.Error()))
		}
	}
	return nil
}

var (
	flagGroup   = regexp.MustCompile(`\[([^\]]*)\]`)
	requiredOne = regexp.MustCompile(`"([^"]+)"`)
)

// flagComplaint puts what cobra says of flags in plain words.
func flagComplaint(text string) string {
	groups := flagGroup.FindAllStringSubmatch(text, -1)
	lists := make([][]string, len(groups))
	for i, g := range groups {
		for _, name := range strings.Fields(g[1]) {
			lists[i] = append(lists[i], "--"+name)
		}
	}
	switch {
	case strings.HasPrefix(text, "required flag"):
		var names []string
		for _, m := range requiredOne.FindAllStringSubmatch(text, -1) {
			names = append(names, "--"+m[1])
		}
		return "missing " + strings.Join(names, " and ")
	case strings.HasPrefix(text, "at least one of the flags") && len(lists) == 1:
		return "give one of " + strings.Join(lists[0], ", ")
	case strings.Contains(text, "they must all be set") && len(lists) == 2:
		given := slices.DeleteFunc(slices.Clone(lists[0]), func(name string) bool { return slices.Contains(lists[1], name) })
		needs := "needs"
		if len(given) > 1 {
			needs = "need"
		}
		return fmt.Sprintf("missing %s, which %s %s", strings.Join(lists[1], " and "), strings.Join(given, " and "), needs)
	case strings.Contains(text, "none of the others can be") && len(lists) == 2:
		return fmt.Sprintf("%s can't be given together; leave out all but one", strings.Join(lists[1], " and "))
	}
	return text
}
