#pragma once
// The three command lines. main() chooses by the name that the program was started under; each returns the exit code.

namespace weir::tools {

int nginx_main(int argc, char** argv);
int haproxy_main(int argc, char** argv);
int weir_main(int argc, char** argv);

}  // namespace weir::tools
