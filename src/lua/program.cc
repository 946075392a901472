// See lua/program.h.
#include "lua/program.h"

#include <errno.h>
#include <fmt/format.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lua/state.h"

namespace weir::lua {
namespace {

// Programs by their model. Few, and met only while configurations are read and when a shard takes its state.
struct Registry {
  std::mutex lock;
  std::unordered_map<const model::Model*, Program*> programs;
};
Registry& registry() {
  static Registry r;
  return r;
}

std::string program_folder() {
  char path[4096];
  ssize_t n = readlink("/proc/self/exe", path, sizeof path);
  if (n <= 0) return ".";
  Str text{path, static_cast<size_t>(n)};
  return std::string(text.substr(0, text.rfind('/')));
}

}  // namespace

bool read_text(const std::string& path, std::string& text, std::string& problem) {
  FILE* f = fopen(path.c_str(), "re");
  if (!f) {
    problem = fmt::format("cannot open {}: {}", path, strerror(errno));
    return false;
  }
  char buffer[16384];
  while (size_t n = fread(buffer, 1, sizeof buffer, f)) text.append(buffer, n);
  bool good = !ferror(f);
  if (!good) problem = fmt::format("cannot read {}: {}", path, strerror(errno));
  fclose(f);
  return good;
}

std::string read_library(Str name, std::string& problem) {
  std::string folder = program_folder();
  std::string tried;
  for (Str place : {"/../lua/", "/../../lua/", "/../share/weir/lua/"}) {
    std::string path = fmt::format("{}{}{}.lua", folder, place, name);
    std::string text;
    if (access(path.c_str(), R_OK) == 0 && read_text(path, text, problem)) return text;
    tried += fmt::format("{}{}", tried.empty() ? "" : ", ", path);
  }
  problem = fmt::format("weir's own Lua file {}.lua is not there; looked for {}", name, tried);
  return {};
}

Program::Program() = default;

Program::~Program() {
  std::lock_guard hold(registry().lock);
  std::erase_if(registry().programs, [this](const auto& entry) { return entry.second == this; });
}

void Program::close() {
  std::lock_guard hold(lock_);
  waiting_.clear();
  taken_.clear();
}

Program& Program::of(model::Model& model) {
  if (Program* p = find(model)) return *p;
  auto* p = model.arena.own<Program>();
  std::lock_guard hold(registry().lock);
  return *(registry().programs[&model] = p);
}

Program* Program::find(const model::Model& model) {
  std::lock_guard hold(registry().lock);
  auto it = registry().programs.find(&model);
  return it == registry().programs.end() ? nullptr : it->second;
}

State& Program::first() {
  if (waiting_.empty()) waiting_.push_back(std::make_unique<State>(*this, ++states_));
  return *waiting_.front();
}

std::string Program::add_library(Str name) {
  for (const std::string& known : libraries_)
    if (known == name) return {};
  std::string problem;
  Start start{fmt::format("=weir.{}", name), read_library(name, problem), {}};
  if (start.code.empty()) return problem;
  libraries_.emplace_back(name);
  return add_start(std::move(start));
}

std::string Program::add_start(Start start) {
  first();
  std::string problem;
  for (auto& state : waiting_)
    if (problem.empty()) problem = state->run(start);
  starts_.push_back(std::move(start));
  return problem;
}

uint32_t Program::add_function(Function function) {
  auto number = static_cast<uint32_t>(functions_.size());
  if (function.kind != Function::Kind::code) {
    auto [it, fresh] = numbers_.emplace(function.name, number);
    if (!fresh) return it->second;
  }
  functions_.push_back(std::move(function));
  return number;
}

std::unique_ptr<State> Program::make(std::string& problem) {
  auto state = std::make_unique<State>(*this, ++states_);
  for (const Start& s : starts_) {
    problem = state->run(s);
    if (!problem.empty()) return nullptr;
  }
  return state;
}

std::string Program::prepare(int shards) {
  std::string problem;
  first();
  while (static_cast<int>(waiting_.size()) < shards && problem.empty())
    if (auto state = make(problem)) waiting_.push_back(std::move(state));
  return problem;
}

State* Program::take(std::string& problem) {
  std::lock_guard hold(lock_);
  std::unique_ptr<State> state;
  if (waiting_.empty()) {
    state = make(problem);
    if (!state) return nullptr;
  } else {
    state = std::move(waiting_.back());
    waiting_.pop_back();
  }
  taken_.push_back(std::move(state));
  return taken_.back().get();
}

}  // namespace weir::lua
