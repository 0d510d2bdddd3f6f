"""Documents → Plan: what to paint, what to set on it, and why. Pure: no file, no clock, no backend.

Refuses to know how anything is painted, set or encoded.
"""

from flux2flow.planning.plan_file import plan_from_json, plan_to_json
from flux2flow.planning.planner import plan
from flux2flow.planning.prompts import fits
from flux2flow.planning.selection import Only
from flux2flow.planning.table import CropRow, PlanTable, PlanTotals, PlateRow, table
from flux2flow.planning.upsampling import Judgement, WantedPrompt, distinct_prompts, judge

__all__ = [
    "CropRow",
    "Judgement",
    "Only",
    "PlanTable",
    "PlanTotals",
    "PlateRow",
    "WantedPrompt",
    "distinct_prompts",
    "fits",
    "judge",
    "plan",
    "plan_from_json",
    "plan_to_json",
    "table",
]
