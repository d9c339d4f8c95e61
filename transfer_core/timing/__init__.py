"""How long a run will take on this computer, and which run fits into a number of minutes."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["cost_cache", "forecast"],
    submod_attrs={
        "case_plan": ["CasePlan", "PlannedRun", "plan_cases"],
        "forecast": ["Forecast", "describe_time_range", "forecast_options", "forecast_run"],
        "step_costs": ["TimeRange"],
        "run_plan": ["RunPlan"],
        "time_budget": ["plan_run_within_budget"],
    },
)
