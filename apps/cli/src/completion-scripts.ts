/** The shells that have a script. */
export const shells = ['bash', 'zsh', 'fish'] as const;

export type Shell = (typeof shells)[number];

/** What the scripts take for: complete files. */
export const filesMark = ':files';

/**
 * What each shell is to source. Each asks `env-cli __complete -- WORDS…` with the words up to the cursor, and gets a line
 * a word: the word, a tab, what it is.
 */
export const completionScripts: Readonly<Record<Shell, string>> = {
  bash: String.raw`# Completion of env-cli for bash. In ~/.bashrc:  source <(env-cli completion bash)
_env_cli_complete() {
  local line=${'$'}{COMP_LINE:0:COMP_POINT} current before word
  local -a words
  read -ra words <<< "$line"
  [[ $line == *[[:space:]] ]] && words+=('')
  current=${'$'}{words[${'$'}{#words[@]}-1]}
  # bash replaces only what stands behind the last of these.
  before=${'$'}{current%"${'$'}{current##*[=:@]}"}
  COMPREPLY=()
  while IFS= read -r word; do
    if [[ $word == ':files' ]]; then
      compopt -o filenames 2> /dev/null
      while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -f -- "${'$'}{current#"$before"}")
      return
    fi
    word=${'$'}{word%%$'\t'*}
    COMPREPLY+=("${'$'}{word#"$before"}")
  done < <("$1" __complete -- "${'$'}{words[@]:1}" 2> /dev/null)
  [[ ${'$'}{#COMPREPLY[@]} -eq 1 && ${'$'}{COMPREPLY[0]} == *= ]] && compopt -o nospace 2> /dev/null
  return 0
}
complete -F _env_cli_complete env-cli
`,
  zsh: String.raw`#compdef env-cli
# Completion of env-cli for zsh. In ~/.zshrc, behind compinit:  source <(env-cli completion zsh)
_env_cli() {
  local -a lines plain assigned
  local line word note
  lines=("${'$'}{(@f)$("${'$'}{words[1]}" __complete -- "${'$'}{(@)words[2,CURRENT]}" 2> /dev/null)}")
  if [[ ${'$'}{lines[1]} == ':files' ]]; then
    _files
    return
  fi
  for line in "${'$'}{lines[@]}"; do
    [[ -z $line ]] && continue
    word=${'$'}{line%%$'\t'*}
    note=${'$'}{line#*$'\t'}
    if [[ $word == *= ]]; then
      assigned+=("${'$'}{word//:/\\:}:$note")
    else
      plain+=("${'$'}{word//:/\\:}:$note")
    fi
  done
  (( ${'$'}{#plain} )) && _describe -V env-cli plain
  (( ${'$'}{#assigned} )) && _describe -V env-cli assigned -S ''
  return 0
}
compdef _env_cli env-cli
`,
  fish: String.raw`# Completion of env-cli for fish. In ~/.config/fish/config.fish:  env-cli completion fish | source
function __env_cli_complete
    set -l words (commandline -opc) (commandline -ct)
    set -l found ($words[1] __complete -- $words[2..-1] 2> /dev/null)
    if test "$found[1]" = ':files'
        __fish_complete_path (commandline -ct)
        return
    end
    test (count $found) -gt 0; and printf '%s\n' $found
end
complete -c env-cli -f -a '(__env_cli_complete)'
`,
};
