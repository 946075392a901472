#pragma once
// Lines of a crt-list (configuration.txt, `crt-list`): a certificate, settings in brackets, names.
//   FILE [ \[ OPTION... \] ] [ [!]NAME ... ]
#include <string>
#include <vector>

#include "haproxy/scope.h"
#include "haproxy/tls_files.h"

namespace weir::haproxy {

struct CrtLine {
  std::string certificate;
  std::string rest;  // as written
  TlsOptions options;
  SideFiles files;
  std::vector<std::string> filters;  // in lower case, as net::TlsEntry has them
  bool fallback = false;  // "*" is one of the names
  uint32_t number = 0;
};

// One line without its end; options start from `base`. False after reporting at `where`. A blank line or a comment leaves
// `certificate` empty.
bool parse_crt_line(Scope& scope, Str text, const TlsOptions& base, const Where& where, CrtLine& line);
// A line's options, which may stand outside of a list too: `ssl-f-use`. They name the certificate themselves.
bool take_crt_options(Scope& scope, Words words, CrtLine& line);

}  // namespace weir::haproxy
