"""Whether Vanta may trade with real money now: checks, their stored runs, the gate before LIVE, reviews, the launch.

What the web process needs of it (`gate`, `review`) imports no check: those bring web3 and the Bot API's client.
"""
