# Runs initdb with the password from a pipe. Arguments: the command.
#
# Standard input is the open data folder, standard output the reading end of a pipe with the password. The password
# goes through a second pipe, made here: initdb opens /dev/stdin, which only the pipe's maker may.
exec 3<&0 4<&1 </dev/null >&2
cat <&4 | "$@" --pwfile=/dev/stdin
