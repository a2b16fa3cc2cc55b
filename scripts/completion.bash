# bash completion of metaperturb: the program itself says what may stand next, so that this is never behind it.
# A line is a word, or `files ENDINGS`, `files`, `folders`.
_metaperturb() {
    local begun=${COMP_WORDS[COMP_CWORD]} line
    COMPREPLY=()
    while IFS= read -r line; do
        case $line in
            "files "*)
                mapfile -t COMPREPLY < <(shopt -s extglob
                    compgen -f -X "!*.@(${line#files })" -- "$begun"
                    compgen -d -- "$begun") ;;
            files) mapfile -t COMPREPLY < <(compgen -f -- "$begun") ;;
            folders) mapfile -t COMPREPLY < <(compgen -d -- "$begun") ;;
            *) COMPREPLY+=("$line"); continue ;;
        esac
        compopt -o filenames 2>/dev/null
    done < <("${COMP_WORDS[0]/#\~/$HOME}" help -complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _metaperturb metaperturb
