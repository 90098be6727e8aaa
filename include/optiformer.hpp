// OptiFormer for C++17: the handles of optiformer.h as values, statuses as exceptions.
//
// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Models, spaces, studies and caches can be moved and not copied. The rules about threads are those
// of optiformer.h: const member functions may be called by many threads at once.
#ifndef OPTIFORMER_HPP
#define OPTIFORMER_HPP

#include "optiformer.h"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace optiformer {

/// A status other than OPTIFORMER_OK, with what it is about.
class Error : public std::runtime_error {
public:
    Error(int status, const char *message)
        : std::runtime_error(std::string(optiformer_status_name(status)) + ": " + message), status_(status) {}
    /// The number that the C function returned.
    int status() const noexcept { return status_; }

private:
    int status_;
};

namespace detail {

/// Calls `function` with an error struct as its last argument, and throws what it says.
template <typename Function, typename... Arguments> void call(Function function, Arguments... arguments) {
    optiformer_error error{};
    error.struct_size = sizeof error;
    if (const int status = function(arguments..., &error); status != OPTIFORMER_OK) {
        throw Error(status, error.message);
    }
}

/// As `call`; false where there is nothing to report.
template <typename Function, typename... Arguments> bool found(Function function, Arguments... arguments) {
    optiformer_error error{};
    error.struct_size = sizeof error;
    const int status = function(arguments..., &error);
    if (status != OPTIFORMER_OK && status != OPTIFORMER_NOT_FOUND) {
        throw Error(status, error.message);
    }
    return status == OPTIFORMER_OK;
}

struct Free {
    void operator()(optiformer_model *model) const noexcept { optiformer_model_free(model); }
    void operator()(optiformer_space *space) const noexcept { optiformer_space_free(space); }
    void operator()(optiformer_study *study) const noexcept { optiformer_study_free(study); }
    void operator()(optiformer_cache *cache) const noexcept { optiformer_cache_free(cache); }
};

/// Calls a function that writes a text, twice: for its length, and for the text.
template <typename Function, typename... Arguments> std::string text(Function function, Arguments... arguments) {
    std::size_t needed = 0;
    call(function, arguments..., static_cast<char *>(nullptr), std::size_t{0}, &needed);
    std::string result(needed, '\0');
    call(function, arguments..., result.data(), needed, static_cast<std::size_t *>(nullptr));
    result.pop_back();
    return result;
}

} // namespace detail

/// The library's version, "major.minor.patch".
inline std::string version() { return optiformer_version_string(); }

/// The value of a parameter that is not active, and the loss of a trial that failed.
inline const double inactive = std::numeric_limits<double>::quiet_NaN();

/// Immutable weights.
class Model {
public:
    /// The weights that are part of the library.
    static Model builtin() {
        optiformer_model *handle = nullptr;
        detail::call(optiformer_model_builtin, &handle);
        return Model(handle);
    }
    /// Weights from a file.
    static Model open(const std::string &path) {
        optiformer_model *handle = nullptr;
        detail::call(optiformer_model_open, path.c_str(), &handle);
        return Model(handle);
    }
    /// Weights from a file in memory.
    static Model from_bytes(const std::vector<std::uint8_t> &bytes) {
        optiformer_model *handle = nullptr;
        detail::call(optiformer_model_from_bytes, bytes.data(), bytes.size(), &handle);
        return Model(handle);
    }
    /// What it is, as JSON.
    std::string description() const { return detail::text(optiformer_model_description, handle_.get()); }
    const optiformer_model *handle() const noexcept { return handle_.get(); }

private:
    explicit Model(optiformer_model *handle) : handle_(handle) {}
    std::unique_ptr<optiformer_model, detail::Free> handle_;
};

/// What may be tried.
class Space {
public:
    Space() {
        optiformer_space *handle = nullptr;
        detail::call(optiformer_space_new, &handle);
        handle_.reset(handle);
    }
    /// A space from its JSON document.
    static Space from_json(const std::string &json) {
        optiformer_space *handle = nullptr;
        detail::call(optiformer_space_from_json, json.c_str(), &handle);
        return Space(handle);
    }
    /// Adds a real number; a step of 0 means a continuum.
    Space &add_float(const std::string &name, double low, double high, bool log = false, double step = 0.0) {
        detail::call(optiformer_space_add_float, handle_.get(), name.c_str(), low, high, int{log}, step);
        return *this;
    }
    /// Adds a whole number.
    Space &add_int(const std::string &name, std::int64_t low, std::int64_t high, bool log = false, std::int64_t step = 1) {
        detail::call(optiformer_space_add_int, handle_.get(), name.c_str(), low, high, int{log}, step);
        return *this;
    }
    /// Adds a choice.
    Space &add_categorical(const std::string &name, const std::vector<std::string> &choices) {
        std::vector<const char *> pointers;
        for (const auto &choice : choices) {
            pointers.push_back(choice.c_str());
        }
        detail::call(optiformer_space_add_categorical, handle_.get(), name.c_str(), pointers.data(), pointers.size());
        return *this;
    }
    /// Makes `name` active only when `parent` has one of `values`.
    Space &set_condition(const std::string &name, const std::string &parent, const std::vector<double> &values) {
        detail::call(optiformer_space_set_condition, handle_.get(), name.c_str(), parent.c_str(), values.data(),
                     values.size());
        return *this;
    }
    /// Makes `name` the fidelity: how much of a trial's full cost is spent on it, such as epochs.
    Space &set_fidelity(const std::string &name) {
        detail::call(optiformer_space_set_fidelity, handle_.get(), name.c_str());
        return *this;
    }
    /// How many parameters there are.
    std::size_t count() const noexcept { return optiformer_space_count(handle_.get()); }
    /// The name of parameter `index`.
    std::string name(std::size_t index) const { return detail::text(optiformer_space_name, handle_.get(), index); }
    /// The space as JSON.
    std::string to_json() const { return detail::text(optiformer_space_to_json, handle_.get()); }
    const optiformer_space *handle() const noexcept { return handle_.get(); }

private:
    friend class Study;
    explicit Space(optiformer_space *handle) : handle_(handle) {}
    std::unique_ptr<optiformer_space, detail::Free> handle_;
};

enum class Direction { minimize = OPTIFORMER_MINIMIZE, maximize = OPTIFORMER_MAXIMIZE };

/// One of the numbers that a study optimizes.
struct Objective {
    std::string name;
    Direction direction = Direction::minimize;
};

/// What a study is made of besides its space.
struct StudyOptions {
    /// Of the one objective, where `objectives` is empty.
    Direction direction = Direction::minimize;
    std::string sampler = "auto";
    /// For "optiformer", "auto" and "hyperband"; the built-in weights if null.
    const Model *model = nullptr;
    std::uint64_t seed = 0;
    /// Names of constraints: values that are told with each trial and shall be at most 0.
    std::vector<std::string> constraints = {};
    /// The objectives by name; of several the trials spread along the Pareto front.
    std::vector<Objective> objectives = {};
    /// The rule that `should_stop` applies, as the tool's --pruner takes it, such as "median";
    /// empty for none.
    std::string pruner = {};
};

/// A configuration with the id to tell its outcome by.
struct Trial {
    std::uint64_t id;
    std::vector<double> values;
};

/// A finished trial.
struct Best {
    std::uint64_t id;
    std::vector<double> values;
    double value;
};

/// Why a trial was suggested; optiformer.h says what the texts may be. The numbers are NaN where
/// nothing was predicted.
struct Explanation {
    std::string sampler;
    std::string origin;
    double median;
    double deviation;
    double improvement;
    /// The probability that all constraints hold.
    double feasibility;
};

enum class TrialState {
    pending = OPTIFORMER_PENDING,
    finished = OPTIFORMER_FINISHED,
    failed = OPTIFORMER_FAILED,
    pruned = OPTIFORMER_PRUNED
};

/// A trial that is read back.
struct StoredTrial {
    std::uint64_t id;
    TrialState state;
    std::vector<double> values;
    /// NaN unless it has finished; the first of several.
    double objective;
    /// All objectives; NaN unless it has finished.
    std::vector<double> objectives;
    /// The values of the constraints; NaN where they were not measured.
    std::vector<double> constraints;
};

/// An intermediate value.
struct Report {
    std::uint64_t step;
    double value;
};

/// How many trials there are of each state.
struct Counts {
    std::size_t finished;
    std::size_t failed;
    std::size_t pending;
    std::size_t pruned;
};

/// Ask and tell.
class Study {
public:
    explicit Study(const Space &space, Direction direction = Direction::minimize, std::uint64_t seed = 0,
                   const Model *model = nullptr, const std::string &sampler = "auto")
        : count_(space.count()) {
        const auto options = make_options(direction, seed, model, sampler);
        optiformer_study *handle = nullptr;
        detail::call(optiformer_study_new, space.handle(), &options, &handle);
        handle_.reset(handle);
    }
    /// A study with constraints, several objectives or a pruner.
    Study(const Space &space, const StudyOptions &options) : count_(space.count()) {
        optiformer_study *handle = nullptr;
        with_raw(options, [&](const optiformer_study_options *raw) { detail::call(optiformer_study_new, space.handle(), raw, &handle); });
        handle_.reset(handle);
    }
    /// Such a study in a file, or a new one there; each change is written before the call returns.
    static Study open(const std::string &path, const Space &space, const StudyOptions &options) {
        optiformer_study *handle = nullptr;
        with_raw(options, [&](const optiformer_study_options *raw) {
            detail::call(optiformer_study_open, path.c_str(), space.handle(), raw, &handle);
        });
        return Study(handle, space.count());
    }
    /// The study in a file, or a new one there; each change is written before the call returns.
    static Study open(const std::string &path, const Space &space, Direction direction = Direction::minimize, std::uint64_t seed = 0,
                      const Model *model = nullptr, const std::string &sampler = "auto") {
        const auto options = make_options(direction, seed, model, sampler);
        optiformer_study *handle = nullptr;
        detail::call(optiformer_study_open, path.c_str(), space.handle(), &options, &handle);
        return Study(handle, space.count());
    }
    /// The study in a file that exists, with the space, objectives, constraints, sampler, pruner
    /// and seed that it has there.
    static Study open(const std::string &path, const Model *model = nullptr) {
        const std::string sampler = "auto";
        const auto options = make_options(Direction::minimize, 0, model, sampler);
        optiformer_study *handle = nullptr;
        detail::call(optiformer_study_open, path.c_str(), static_cast<const optiformer_space *>(nullptr), &options, &handle);
        Study study(handle, 0);
        study.count_ = study.space().count();
        return study;
    }
    /// A study in memory from what `save` gave.
    static Study restore(const std::string &text, const Model *model = nullptr) {
        optiformer_study *handle = nullptr;
        detail::call(optiformer_study_restore, text.c_str(), model ? model->handle() : nullptr, &handle);
        Study study(handle, 0);
        study.count_ = study.space().count();
        return study;
    }
    /// What the study came to, as JSON.
    std::string results() const { return detail::text(optiformer_study_results, handle_.get()); }
    /// The whole study as a text.
    std::string save() const { return detail::text(optiformer_study_save, handle_.get()); }
    /// The next trial.
    Trial ask() {
        Trial trial{0, std::vector<double>(count_)};
        detail::call(optiformer_study_ask, handle_.get(), &trial.id, trial.values.data(), count_);
        return trial;
    }
    /// How a trial went.
    void tell(std::uint64_t id, double value) { detail::call(optiformer_study_tell, handle_.get(), id, value); }
    /// That a trial failed.
    void tell_failed(std::uint64_t id) { detail::call(optiformer_study_tell_failed, handle_.get(), id); }
    /// How a trial went: objectives and constraints, as many as the study has. Without objectives
    /// it violates a constraint, and nothing else of it was measured.
    void tell(std::uint64_t id, const std::vector<double> &objectives, const std::vector<double> &constraints = {}) {
        detail::call(optiformer_study_tell_measured, handle_.get(), id, objectives.data(), objectives.size(), constraints.data(),
                     constraints.size());
    }
    /// That a trial was ended early, because its intermediate values were poor.
    void tell_pruned(std::uint64_t id) { detail::call(optiformer_study_tell_pruned, handle_.get(), id); }
    /// An intermediate value of a trial, which is pending; steps ascend.
    void report(std::uint64_t id, std::uint64_t step, double value) {
        detail::call(optiformer_study_report, handle_.get(), id, step, value);
    }
    /// Whether the pruner would end a trial, which is pending, at its last intermediate value.
    /// Never without a pruner.
    bool should_stop(std::uint64_t id) const {
        std::int32_t stops = 0;
        detail::call(optiformer_study_should_stop, handle_.get(), id, &stops);
        return stops != 0;
    }
    /// The trial with a lower fidelity that a trial continues, if there is one.
    std::optional<std::uint64_t> promoted_from(std::uint64_t id) const {
        std::uint64_t source = 0;
        if (!detail::found(optiformer_study_promoted_from, handle_.get(), id, &source)) {
            return std::nullopt;
        }
        return source;
    }
    /// That a trial, which is pending, will have no outcome: it leaves the study.
    void abandon(std::uint64_t id) { detail::call(optiformer_study_abandon, handle_.get(), id); }
    /// Lets the trials that are pending now be asked for again.
    void offer_pending() { detail::call(optiformer_study_offer_pending, handle_.get()); }
    /// A trial that was made elsewhere.
    std::uint64_t add(const std::vector<double> &values, double value) {
        std::uint64_t id = 0;
        detail::call(optiformer_study_add, handle_.get(), values.data(), values.size(), value, &id);
        return id;
    }
    /// A trial that was made elsewhere, with its objectives and constraints.
    std::uint64_t add(const std::vector<double> &values, const std::vector<double> &objectives,
                      const std::vector<double> &constraints = {}) {
        std::uint64_t id = 0;
        detail::call(optiformer_study_add_measured, handle_.get(), values.data(), values.size(), objectives.data(),
                     objectives.size(), constraints.data(), constraints.size(), &id);
        return id;
    }
    /// A configuration to try before any other; values that are NaN are filled in.
    void enqueue(const std::vector<double> &values) {
        detail::call(optiformer_study_enqueue, handle_.get(), values.data(), values.size());
    }
    /// The best trial so far, if any has finished: under constraints the best feasible one, else
    /// that which violates them least. None in a study of several objectives.
    std::optional<Best> best() const {
        Best best{0, std::vector<double>(count_), 0.0};
        if (!detail::found(optiformer_study_best, handle_.get(), &best.id, best.values.data(), count_, &best.value)) {
            return std::nullopt;
        }
        return best;
    }
    /// The ids of the Pareto front, ascending.
    std::vector<std::uint64_t> front() const {
        std::size_t count = 0;
        detail::call(optiformer_study_front, handle_.get(), static_cast<std::uint64_t *>(nullptr), std::size_t{0}, &count);
        std::vector<std::uint64_t> ids(count);
        detail::call(optiformer_study_front, handle_.get(), ids.data(), count, &count);
        return ids;
    }
    /// By how much a trial violates the constraints: 0 for one that violates none, NaN where they
    /// were not measured.
    double violation(std::uint64_t id) const {
        double violation = 0.0;
        detail::call(optiformer_study_violation, handle_.get(), id, &violation);
        return violation;
    }
    /// The intermediate values of a trial, by ascending step.
    std::vector<Report> reports(std::uint64_t id) const {
        std::size_t count = 0;
        std::uint64_t *const no_steps = nullptr;
        double *const no_values = nullptr;
        detail::call(optiformer_study_reports, handle_.get(), id, no_steps, no_values, std::size_t{0}, &count);
        std::vector<std::uint64_t> steps(count);
        std::vector<double> values(count);
        detail::call(optiformer_study_reports, handle_.get(), id, steps.data(), values.data(), count, &count);
        std::vector<Report> reports;
        reports.reserve(count);
        for (std::size_t row = 0; row < count; row++) {
            reports.push_back({steps[row], values[row]});
        }
        return reports;
    }
    /// Why a trial, which is pending, was suggested.
    Explanation explain(std::uint64_t id) const {
        optiformer_explanation out{};
        out.struct_size = sizeof out;
        detail::call(optiformer_study_explain, handle_.get(), id, &out);
        return {out.sampler, out.origin, out.median, out.deviation, out.improvement, out.feasibility};
    }
    /// How many trials have finished, have failed, are pending, and were pruned.
    Counts counts() const {
        Counts counts{};
        detail::call(optiformer_study_counts, handle_.get(), &counts.finished, &counts.failed, &counts.pending);
        detail::call(optiformer_study_state_count, handle_.get(), OPTIFORMER_PRUNED, &counts.pruned);
        return counts;
    }

    /// All trials, in the order of their ids.
    std::vector<StoredTrial> trials() const {
        const auto read = [this](std::uint64_t *ids, std::int32_t *states, double *values, double *objectives, std::size_t capacity) {
            std::size_t count = 0;
            detail::call(optiformer_study_trials, handle_.get(), ids, states, values, objectives, capacity, &count);
            return count;
        };
        const std::size_t size = read(nullptr, nullptr, nullptr, nullptr, 0);
        std::vector<std::uint64_t> ids(size);
        std::vector<std::int32_t> states(size);
        std::vector<double> values(size * count_), objectives(size);
        read(ids.data(), states.data(), values.data(), objectives.data(), size);
        std::size_t objective_count = 0, constraint_count = 0, written = 0;
        detail::call(optiformer_study_shape, handle_.get(), static_cast<std::size_t *>(nullptr), &objective_count, &constraint_count);
        std::vector<double> all_objectives(size * objective_count), constraints(size * constraint_count);
        detail::call(optiformer_study_measurements, handle_.get(), all_objectives.data(), constraints.data(), size, &written);
        const auto cut = [](const std::vector<double> &matrix, std::size_t row, std::size_t width) {
            const auto begin = matrix.begin() + static_cast<std::ptrdiff_t>(row * width);
            return std::vector<double>(begin, begin + static_cast<std::ptrdiff_t>(width));
        };
        std::vector<StoredTrial> trials;
        trials.reserve(size);
        for (std::size_t row = 0; row < size; row++) {
            trials.push_back({ids[row], static_cast<TrialState>(states[row]), cut(values, row, count_), objectives[row],
                              cut(all_objectives, row, objective_count), cut(constraints, row, constraint_count)});
        }
        return trials;
    }
    /// A copy of the space.
    Space space() const {
        optiformer_space *handle = nullptr;
        detail::call(optiformer_study_space, handle_.get(), &handle);
        return Space(handle);
    }
    /// Objectives, constraints, sampler, pruner, seed and a note about its file, as JSON.
    std::string description() const { return detail::text(optiformer_study_description, handle_.get()); }

private:
    Study(optiformer_study *handle, std::size_t count) : count_(count), handle_(handle) {}
    /// Options that point into the sampler's name.
    static optiformer_study_options make_options(Direction direction, std::uint64_t seed, const Model *model, const std::string &sampler) {
        optiformer_study_options options{};
        options.struct_size = sizeof options;
        options.direction = static_cast<std::int32_t>(direction);
        options.sampler = sampler.c_str();
        options.model = model ? model->handle() : nullptr;
        options.seed = seed;
        return options;
    }
    /// Calls `body` with the C interface's options, which point into these.
    template <typename Body> static void with_raw(const StudyOptions &options, Body body) {
        std::vector<const char *> constraints, objectives;
        std::vector<std::int32_t> directions;
        for (const auto &name : options.constraints) {
            constraints.push_back(name.c_str());
        }
        for (const auto &objective : options.objectives) {
            objectives.push_back(objective.name.c_str());
            directions.push_back(static_cast<std::int32_t>(objective.direction));
        }
        auto raw = make_options(options.direction, options.seed, options.model, options.sampler);
        raw.constraints = constraints.data();
        raw.constraint_count = constraints.size();
        raw.objectives = objectives.data();
        raw.directions = directions.data();
        raw.objective_count = objectives.size();
        raw.pruner = options.pruner.empty() ? nullptr : options.pruner.c_str();
        body(&raw);
    }
    std::size_t count_;
    std::unique_ptr<optiformer_study, detail::Free> handle_;
};

/// What `suggest` keeps from one call to the next: it changes the time of a suggestion alone. One
/// cache serves several studies and threads.
class Cache {
public:
    Cache() {
        optiformer_cache *handle = nullptr;
        detail::call(optiformer_cache_new, &handle);
        handle_.reset(handle);
    }
    const optiformer_cache *handle() const noexcept { return handle_.get(); }

private:
    std::unique_ptr<optiformer_cache, detail::Free> handle_;
};

/// How suggestions are made.
struct SuggestOptions {
    std::string sampler = "auto";
    /// For "optiformer" and "auto"; the built-in weights if null.
    const Model *model = nullptr;
    std::uint64_t seed = 0;
    /// The number of the trial that is asked for, from 0.
    std::uint64_t number = 0;
    /// Makes later calls faster.
    const Cache *cache = nullptr;
    /// The values of the constraints of each trial of the history, each at most 0 where it holds
    /// and NaN where it was not measured; empty without constraints.
    std::vector<std::vector<double>> constraints = {};
    /// The number of losses of a trial, which `losses` then has one after the other.
    std::size_t objective_count = 1;
};

namespace detail {

/// Configurations one after the other.
inline std::vector<double> flat(const std::vector<std::vector<double>> &rows, std::size_t width, const char *name) {
    std::vector<double> values;
    values.reserve(rows.size() * width);
    for (const auto &row : rows) {
        if (row.size() != width) {
            const auto message = std::string(name) + ": a row has " + std::to_string(row.size()) + " values where " +
                                 std::to_string(width) + " are needed";
            throw Error(OPTIFORMER_INVALID_VALUE, message.c_str());
        }
        values.insert(values.end(), row.begin(), row.end());
    }
    return values;
}

/// The constraints' values one after the other.
inline std::vector<double> flat_constraints(const SuggestOptions &options, std::size_t finished) {
    const auto &rows = options.constraints;
    if (!rows.empty() && rows.size() != finished) {
        throw Error(OPTIFORMER_INVALID_VALUE, "history and constraints differ in length");
    }
    return flat(rows, rows.empty() ? 0 : rows.front().size(), "constraints");
}

/// Refuses another number of losses than the history has.
inline void check_losses(const SuggestOptions &options, std::size_t finished, std::size_t losses) {
    if (losses != finished * (options.objective_count == 0 ? 1 : options.objective_count)) {
        throw Error(OPTIFORMER_INVALID_VALUE, "history and losses differ in length");
    }
}

/// The C interface's options, which point into these.
inline optiformer_suggest_options raw(const SuggestOptions &options, const std::vector<double> &constraints) {
    optiformer_suggest_options raw{};
    raw.objective_count = options.objective_count;
    raw.constraints = constraints.data();
    raw.constraint_count = options.constraints.empty() ? 0 : options.constraints.front().size();
    raw.struct_size = sizeof raw;
    raw.sampler = options.sampler.c_str();
    raw.model = options.model ? options.model->handle() : nullptr;
    raw.seed = options.seed;
    raw.number = options.number;
    raw.cache = options.cache ? options.cache->handle() : nullptr;
    return raw;
}

} // namespace detail

/// `count` configurations to try next, to minimize a loss: a pure function of its arguments. A loss
/// that is not finite means a failed trial; each suggestion takes those before it for pending.
inline std::vector<std::vector<double>> suggest(const Space &space, const std::vector<std::vector<double>> &history,
                                                const std::vector<double> &losses,
                                                const std::vector<std::vector<double>> &pending = {},
                                                std::size_t count = 1, const SuggestOptions &options = {}) {
    const std::size_t width = space.count();
    detail::check_losses(options, history.size(), losses.size());
    const auto constraints = detail::flat_constraints(options, history.size());
    const auto finished = detail::flat(history, width, "history"), waiting = detail::flat(pending, width, "pending");
    const auto raw = detail::raw(options, constraints);
    std::vector<double> out(count * width);
    detail::call(optiformer_suggest, space.handle(), &raw, finished.data(), losses.data(), history.size(), waiting.data(),
                 pending.size(), out.data(), count);
    std::vector<std::vector<double>> result;
    result.reserve(count);
    for (std::size_t row = 0; row < count; row++) {
        const auto begin = out.begin() + static_cast<std::ptrdiff_t>(row * width);
        result.emplace_back(begin, begin + static_cast<std::ptrdiff_t>(width));
    }
    return result;
}

/// The order in which to try given configurations.
struct Ranking {
    /// The candidates' rows, the most promising first.
    std::vector<std::size_t> order;
    /// What each candidate is ranked by, larger is better; NaN where the sampler has no such
    /// number.
    std::vector<double> ratings;
};

/// Ranks given configurations, with the arguments of `suggest`.
inline Ranking choose(const Space &space, const std::vector<std::vector<double>> &candidates,
                      const std::vector<std::vector<double>> &history, const std::vector<double> &losses,
                      const std::vector<std::vector<double>> &pending = {}, const SuggestOptions &options = {}) {
    const std::size_t width = space.count();
    detail::check_losses(options, history.size(), losses.size());
    const auto constraints = detail::flat_constraints(options, history.size());
    const auto finished = detail::flat(history, width, "history"), waiting = detail::flat(pending, width, "pending"),
               given = detail::flat(candidates, width, "candidates");
    const auto raw = detail::raw(options, constraints);
    Ranking ranking{std::vector<std::size_t>(candidates.size()), std::vector<double>(candidates.size())};
    detail::call(optiformer_choose, space.handle(), &raw, finished.data(), losses.data(), history.size(), waiting.data(),
                 pending.size(), given.data(), candidates.size(), ranking.order.data(), ranking.ratings.data());
    return ranking;
}

} // namespace optiformer

#endif // OPTIFORMER_HPP
