#pragma once
// The lines of `show stat` (one per frontend, server and backend) and of `show info`, as fields by column, and their
// printed forms. What is not counted stays empty. Called on the control thread, and on shards for the page.
#include <vector>

#include "stats/catalogue.h"
#include "stats/columns.h"

namespace weir::stats {

// When it is, and since when the process runs.
struct Moment {
  uint64_t now_ms = 0;    // monotonic
  uint64_t start_ms = 0;  // monotonic
  int64_t now_s = 0;      // wall clock
  int64_t start_s = 0;    // wall clock
  uint64_t uptime_s() const { return (now_ms - start_ms) / 1000; }
};
Moment moment_since(uint64_t start_ms);

using Line = std::vector<Field>;

// `legends`: addresses, cookies and algorithms are shown. `counted`: how many of a backend's servers are up goes into its
// status ("UP (1/2)").
Line front_line(const ProxyEntry& p, const Moment& m);
Line server_line(const ProxyEntry& p, const model::Server& s, const ServerEntry& e, const Moment& m, bool legends);
Line back_line(const ProxyEntry& p, const Moment& m, bool legends, bool counted);

Line info_line(const Catalogue& catalogue, bool stopping, const Moment& m, bool real_numbers);

// Text around the lines and one line in each form; `help`: with a column's description. `first`: no line was printed yet.
void append_stat_head(std::string& out, Form form);
void append_stat_line(std::string& out, const Line& line, Form form, bool help, bool first);
void append_stat_end(std::string& out, Form form);
void append_info(std::string& out, const Line& line, Form form, bool help);

}  // namespace weir::stats
